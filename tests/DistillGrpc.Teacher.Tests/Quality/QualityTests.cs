using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Parsing;
using DistillGrpc.Teacher.Quality;

namespace DistillGrpc.Teacher.Tests.Quality;

public sealed class QualityTests
{
    [Theory]
    [InlineData("Who sleeps is not awake, so this is a contradiction.", "contradiction", AnswerForm.Nli, true)]
    [InlineData("The statements contradict each other.", "contradiction", AnswerForm.Nli, false)]
    [InlineData("It is very positive indeed.", "Very Positive", AnswerForm.Classification, true)]
    [InlineData("Only an umbrella is held over the head.", "umbrella", AnswerForm.Choice, false)]
    [InlineData("The correct answer is therefore an umbrella.", "umbrella", AnswerForm.Choice, true)]
    [InlineData("She has 12 - 4 left, that is 8.", "12 - 4", AnswerForm.Equation, false)]
    [InlineData("The result is 12 - 4.", "12 - 4", AnswerForm.Equation, true)]
    public void Leak_LabelInTheRationale_CountsWhereItGivesTheAnswerAway(string rationale, string label, object form, bool expected) =>
        Assert.Equal(expected, LabelLeak.IsIn(rationale, label, (AnswerForm)form));

    [Theory]
    [InlineData("The boys are wet because they splash each other in the pool.", "en", true)]
    [InlineData("Die Jungen sind nass, weil sie sich im Becken mit Wasser bespritzen.", "en", false)]
    [InlineData("Die Jungen sind nass, weil sie sich im Becken mit Wasser bespritzen.", "de", true)]
    [InlineData("Los niños están mojados porque se salpican en la piscina con el agua.", "es", true)]
    [InlineData("Los niños están mojados porque se salpican en la piscina con el agua.", "pt", false)]
    [InlineData("12 - 4 = 8", "de", true)]
    [InlineData("Мальчики мокрые, потому что они плещутся в бассейне.", "en", false)]
    [InlineData("Мальчики мокрые, потому что они плещутся в бассейне.", "Cyrl", true)]
    [InlineData("The boys are wet.", "Cyrl", false)]
    public void Language_OfARationale_IsTold(string text, string code, bool expected) => Assert.Equal(expected, LanguageGuess.IsIn(text, code));

    [Theory]
    [InlineData("8", "12 - 4", "", AnswerForm.Equation, true)]
    [InlineData("(12 - 4)", "", "8.0", AnswerForm.Equation, true)]
    [InlineData("12 - 5", "12 - 4", "8.0", AnswerForm.Equation, false)]
    [InlineData(" Two  Pounds", "two pounds", "", AnswerForm.Text, true)]
    [InlineData("8", "12 - 4", "", AnswerForm.Text, false)]
    [InlineData("", "", "", AnswerForm.Text, false)]
    public void Gold_LabelOfATeacher_IsComparedByTheForm(string label, string gold, string answer, object form, bool expected) =>
        Assert.Equal(expected, LabelComparison.IsGold(label, gold, answer, (AnswerForm)form));

    [Theory]
    [InlineData(0, RejectionReason.Duplicate)]
    [InlineData(1, RejectionReason.NearDuplicate)]
    [InlineData(40, null)]
    public void Duplicates_TextsOfAHundredWords_AreTakenForTheSameWhileFewWordsDiffer(int changed, RejectionReason? expected)
    {
        string[] words = [.. Enumerable.Range(0, 100).Select(i => $"word{i * i % 997}")];
        var seen = new SeenInputs(DuplicateRule.Near);
        Assert.Null(seen.Add(new Example { Segments = { string.Join(' ', words) } }));

        for (var i = 0; i < changed; i++)
        {
            words[i * 2 % 100] = $"other{i}";
        }

        Assert.Equal(expected, seen.Add(new Example { Segments = { string.Join(", ", words) } }));
    }

    [Fact]
    public void Duplicates_OtherSegments_AreOtherInputs()
    {
        var seen = new SeenInputs(DuplicateRule.Exact);

        Assert.Null(seen.Add(new Example { Segments = { "a b", "c" } }));
        Assert.Null(seen.Add(new Example { Segments = { "a", "b c" } }));
        Assert.Equal(RejectionReason.Duplicate, seen.Add(new Example { Segments = { "A  b", "C." } }));
        Assert.Null(seen.Add(new Example { Segments = { "3 + 4" } }));
        Assert.Null(seen.Add(new Example { Segments = { "3 - 4" } }));
    }

    [Fact]
    public void Rules_ByDefault_AreThePapers()
    {
        var wrong = new RationaleResult { ParseOutcome = ParseOutcome.Parsed, Label = "no", Rationale = "So the answer is no." };
        var input = new Example { Segments = { "Is it?" }, Label = "yes" };

        Assert.Empty(QualityFilter.Reasons(input, wrong, new QualityRules(), AnswerForm.Text));
        Assert.Equal(
            [RejectionReason.WrongLabel, RejectionReason.LabelLeak, RejectionReason.TooShort],
            QualityFilter.Reasons(input, wrong, new QualityRules { RequireGoldLabel = true, RejectLabelLeak = true, MinWords = 6 }, AnswerForm.Text));
        foreach (var outcome in Enum.GetValues<ParseOutcome>().Where(outcome => outcome != ParseOutcome.Parsed))
        {
            Assert.NotNull(QualityFilter.OfOutcome(outcome));
        }
    }
}
