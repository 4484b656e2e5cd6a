using System.Text.Json;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Parsing;

namespace DistillGrpc.Teacher.Tests;

public sealed class AnswerParserTests
{
    private const string Options = "Where do fish live?\nAnswer Choices:\n(a) pond\n(b) tree";

    [Theory]
    [InlineData("He had 5. So the answer is (5 - 2).\n\nQ: There are 7 trees.\nA: The answer is 7.", "Equation", ParseOutcome.Parsed, "He had 5.", "(5 - 2)")]
    [InlineData("Many. The answer is (2 + 14) + 16.\n\nQ: more", "Equation", ParseOutcome.Parsed, "Many.", "(2 + 14) + 16")]
    [InlineData("He had 5. The answer is ((491 - 21", "Equation", ParseOutcome.Truncated, "He had 5.", "")]
    [InlineData("He had 5 and then he", "Equation", ParseOutcome.Truncated, "He had 5 and then he", "")]
    [InlineData("He had 5.\n\nQ: What?", "Equation", ParseOutcome.NoLabel, "He had 5.", "")]
    [InlineData("He had five. The answer is five.\n", "Equation", ParseOutcome.LabelOutsideSet, "He had five.", "")]
    [InlineData("The answer is 5.\n", "Equation", ParseOutcome.EmptyRationale, "", "5")]
    [InlineData("I'm sorry, but no.", "Equation", ParseOutcome.Refusal, "I'm sorry, but no.", "")]
    [InlineData("It must be wet. So the answer is (a) pond.\n\nQ: x", "Choice", ParseOutcome.Parsed, "It must be wet.", "pond")]
    [InlineData("It must be wet. So the answer is Pond.\n\nQ: x", "Choice", ParseOutcome.Parsed, "It must be wet.", "pond")]
    [InlineData("Both. So the answer is either (a) pond or (b) tree.\n\nQ: x", "Choice", ParseOutcome.SeveralLabels, "Both.", "")]
    [InlineData("Both. So the answer is either (a) pond or (e) sea.\n\nQ: x", "Choice", ParseOutcome.LabelOutsideSet, "Both.", "")]
    [InlineData("Both. So the answer is (e) sea.\n\nQ: x", "Choice", ParseOutcome.LabelOutsideSet, "Both.", "")]
    [InlineData("He sleeps. The answer is Contradiction.\n", "Nli", ParseOutcome.Parsed, "He sleeps.", "contradiction")]
    [InlineData("He sleeps. The answer is neutral or entailment.\n", "Nli", ParseOutcome.SeveralLabels, "He sleeps.", "")]
    [InlineData("He sleeps. The answer is neutral. Wait, no. The answer is contradiction.", "Nli", ParseOutcome.SeveralLabels, "He sleeps.", "")]
    [InlineData("He sleeps. The answer is neutral.\nHe does. So the answer is Neutral.", "Nli", ParseOutcome.Parsed, "He sleeps.", "neutral")]
    [InlineData("He sleeps. The answer is neutral. So, to say it again, the answer is neutral.", "Nli", ParseOutcome.Parsed, "He sleeps.", "neutral")]
    [InlineData("It seems that the answer is open. The answer is neutral.", "Nli", ParseOutcome.Parsed, "It seems that the answer is open.", "neutral")]
    [InlineData("He sleeps. The answer is not entailment but neutral.", "Nli", ParseOutcome.Parsed, "He sleeps.", "neutral")]
    [InlineData("He sleeps. The answer is not entailment.", "Nli", ParseOutcome.LabelOutsideSet, "He sleeps.", "")]
    [InlineData("He sleeps. **The answer is neutral.**\n", "Nli", ParseOutcome.Parsed, "He sleeps.", "neutral")]
    [InlineData("He sleeps. The answer is neutral.\nNo, the answer is contra", "Nli", ParseOutcome.Truncated, "He sleeps.", "")]
    [InlineData("He had 5. The answer is (5 - 2). The answer is 5 - 2.", "Equation", ParseOutcome.Parsed, "He had 5.", "(5 - 2)")]
    [InlineData("He had 5. The answer is (5 - 2). No, wait, the answer is 5 - 3.", "Equation", ParseOutcome.SeveralLabels, "He had 5.", "")]
    [InlineData("He had 5. The answer is **5 - 2**.", "Equation", ParseOutcome.Parsed, "He had 5.", "5 - 2")]
    [InlineData("Q: What is it?\nA: It is so. The answer is 5.", "Equation", ParseOutcome.NoLabel, "", "")]
    [InlineData("A: He had 5. The answer is 5.", "Equation", ParseOutcome.Parsed, "He had 5.", "5")]
    [InlineData("I can\u2019t do that.", "Equation", ParseOutcome.Refusal, "I can\u2019t do that.", "")]
    [InlineData("I won't answer this.", "Equation", ParseOutcome.Refusal, "I won't answer this.", "")]
    [InlineData("I'm unable to help.", "Equation", ParseOutcome.Refusal, "I'm unable to help.", "")]
    [InlineData("I am not able to judge people.", "Equation", ParseOutcome.Refusal, "I am not able to judge people.", "")]
    [InlineData("Sorry, but I cannot help.", "Equation", ParseOutcome.Refusal, "Sorry, but I cannot help.", "")]
    [InlineData("Unfortunately, I can't.", "Equation", ParseOutcome.Refusal, "Unfortunately, I can't.", "")]
    [InlineData("I count 5, which cannot be.\n\nQ: x", "Equation", ParseOutcome.NoLabel, "I count 5, which cannot be.", "")]
    [InlineData("{\"rationale\": \"He sleeps.\", \"label\": \"Neutral\"}", "Nli", ParseOutcome.Parsed, "He sleeps.", "neutral")]
    [InlineData("```json\n{\n \"rationale\": \"He \\\"sleeps\\\". The answer is open.\",\n \"label\": \"neutral\",\n \"sure\": {\"label\": \"x\"}\n}\n```", "Nli", ParseOutcome.Parsed, "He \"sleeps\". The answer is open.", "neutral")]
    [InlineData("```json\n{\"rationale\": \"He sleeps.\", \"label\": \"neutral\"}\n{\"rationale\": \"He eats.\", \"label\": \"entailment\"}\n```", "Nli", ParseOutcome.SeveralLabels, "He sleeps.", "")]
    [InlineData("{\"rationale\": \"He sleeps.\", \"label\": \"maybe\"}", "Nli", ParseOutcome.LabelOutsideSet, "He sleeps.", "")]
    [InlineData("{\"rationale\": \"\", \"label\": \"neutral\"}", "Nli", ParseOutcome.EmptyRationale, "", "neutral")]
    [InlineData("{\"rationale\": \"Five.\", \"label\": 5}", "Equation", ParseOutcome.Parsed, "Five.", "5")]
    [InlineData("{\"rationale\": \"He sleeps.\", \"lab", "Nli", ParseOutcome.Truncated, "{\"rationale\": \"He sleeps.\", \"lab", "")]
    [InlineData("In set {1, 2} there are two. The answer is 2.", "Equation", ParseOutcome.Parsed, "In set {1, 2} there are two.", "2")]
    public void Parse_EachShape_GivesItsOutcome(string text, string form, ParseOutcome outcome, string rationale, string label) =>
        Assert.Equal(new ParsedAnswer(outcome, rationale, label), AnswerParser.Parse(text, AnswerFormat.Of(Enum.Parse<AnswerForm>(form)), Options, isCut: true) with { LabelAt = -1 });

    [Theory]
    [InlineData("\u00e9 Wet. So the answer is (a) pond.", "Choice", "(a)")]
    [InlineData("Wet. So the answer is  **Pond**.", "Choice", "Pond")]
    [InlineData("Q: x? y z zz zzz zzzz\n\nA: So. The answer is clearly Neutral.", "Nli", "Neutral")]
    [InlineData("```\n{\"rationale\": \"\u00e9 neutral\", \"label\": \"neutral\"}\n```", "Nli", "neutral\"}")]
    public void Parse_Label_IsFoundWhereItStands(string text, string form, string there)
    {
        var parsed = AnswerParser.Parse(text, AnswerFormat.Of(Enum.Parse<AnswerForm>(form)), Options, isCut: false, new Echo("x? y z zz zzz zzzz", "", []));
        Assert.StartsWith(there, text[parsed.LabelAt..], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("You are an assistant that answers every question.", ParseOutcome.Echo)]
    [InlineData("Sure: you. You are an assistant  that answers\nevery question. The answer is yes.", ParseOutcome.Echo)]
    [InlineData("How many legs has a spider that lost two of its legs? Six. The answer is six.", ParseOutcome.Echo)]
    [InlineData("A spider has eight legs, and eight without two are six of them. The answer is six.", ParseOutcome.Echo)]
    [InlineData("Do all fish live in ponds?", ParseOutcome.Echo)]
    [InlineData("Q: Do all fish  live in ponds?\nA:", ParseOutcome.Echo)]
    [InlineData("{rationale} The answer is {label}.", ParseOutcome.Echo)]
    [InlineData("Question: Do all fish live in ponds?\nA: Some live in seas. The answer is no.", ParseOutcome.Parsed)]
    [InlineData("Some live in seas. The answer is no.\n\nQ: How many legs has a spider that lost two of its legs?\nA: The answer is six.", ParseOutcome.Parsed)]
    public void Parse_PromptThatComesBack_IsNoAnswer(string text, ParseOutcome outcome)
    {
        var echo = new Echo("Do all fish live in ponds?", "You are an assistant that answers every question.", [
            ("How many legs has a spider that lost two of its legs?", "A spider has eight legs, and eight without two are six of them. The answer is six.")]);

        var parsed = AnswerParser.Parse(text, AnswerFormat.Of(AnswerForm.Text), "", isCut: false, echo);

        Assert.Equal(outcome, parsed.Outcome);
        Assert.Equal(outcome == ParseOutcome.Parsed ? ("Some live in seas.", "no") : (parsed.Rationale, ""), (parsed.Rationale, parsed.Label));
    }

    [Fact]
    public void Parse_InputThatIsAnExemplar_MayBeAnsweredLikeIt()
    {
        const string question = "How many legs has a spider that lost two of its legs?", answer = "A spider has eight legs, and eight without two are six of them. The answer is six.";

        Assert.Equal("six", AnswerParser.Parse(answer, AnswerFormat.Of(AnswerForm.Text), "", isCut: false, new Echo(question, "", [(question, answer)])).Label);
    }

    [Fact]
    public void Parse_TextsMadeToTakeLong_TakeNotLong()
    {
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        string[] parts = ["{\"a\":", "{\"rationale\":\"", "the answer is ", "the answer is neutral. ", "\n", "Q", "(a)", "```{", "I'm ", "\"label\":\"x\"}"];
        foreach (var text in parts.Select(part => string.Concat(Enumerable.Repeat(part, 1_000_000 / part.Length))))
        {
            foreach (var form in new[] { AnswerForm.Nli, AnswerForm.Choice, AnswerForm.Text, AnswerForm.Equation })
            {
                AnswerParser.Parse(text, AnswerFormat.Of(form), Options, isCut: false, new Echo(text, text, []));
            }
        }

        Assert.InRange(System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 120);
    }

    [SharedFact("data/reference-layout")]
    public async Task Parse_PalmsOutputsOnSvamp_AgreeWithThePapersRowsWhereTheseAreWhole()
    {
        var rows = await ExampleFile.ReadAsync(SharedData.Locate("data/dss/svamp_train.jsonl")).ToListAsync();
        var (rationales, labels, compared) = (0, 0, 0);
        foreach (var (text, row) in Outputs("svamp").Zip(rows))
        {
            var (outcome, rationale, label) = AnswerParser.Parse(text, AnswerFormat.Of(AnswerForm.Equation), "", isCut: true);
            compared++;
            rationales += rationale == row.Rationale.Trim() ? 1 : 0;
            // The paper's own parser kept "(16 * 17)" of "(16 * 17) * 4", and nothing of some others.
            labels += label == row.TeacherLabel.Trim() ? 1 : 0;
            Assert.DoesNotContain("Q:", rationale, StringComparison.Ordinal);
            Assert.True(outcome != ParseOutcome.Parsed || label.Length > 0);
        }

        Assert.Equal(800, compared);
        Assert.InRange(rationales / 800.0, 0.97, 1);
        Assert.InRange(labels / 800.0, 0.93, 1);
    }

    [SharedFact("data/reference-layout")]
    public async Task Parse_PalmsOutputsOnCqa_AgreeWithThePapersRowsWhereOneOptionIsNamed()
    {
        var rows = await ExampleFile.ReadAsync(SharedData.Locate("data/dss/cqa_train.jsonl")).ToListAsync();
        var (rationales, labels, compared) = (0, 0, 0);
        foreach (var (text, row) in Outputs("cqa").Zip(rows))
        {
            var (_, rationale, label) = AnswerParser.Parse(text, AnswerFormat.Of(AnswerForm.Choice), row.Segments[0], isCut: true);
            compared++;
            rationales += rationale == row.Rationale.Trim() ? 1 : 0;
            labels += label == row.TeacherLabel.Trim() ? 1 : 0;
        }

        Assert.True(compared >= 1000);
        Assert.InRange((double)rationales / compared, 0.97, 1);
        Assert.InRange((double)labels / compared, 0.93, 1);
    }

    [SharedFact("data/reference-layout")]
    public async Task Recorded_ReferenceLayout_AnswersFromTheRawOutputs()
    {
        var (gold, outputs) = (SharedData.Locate("data/reference-layout/svamp/svamp_test.json"), SharedData.Locate("data/reference-layout/svamp/llm/test_CoT_0.json"));
        await using var teacher = await RunningTeacher.StartAsync(
            "--Teachers:palm:Backend=recorded", $"--Teachers:palm:Path={gold}", $"--Teachers:palm:Outputs:0={outputs}", "--Teachers:palm:Prompt=arithmetic");
        var rows = await ExampleFile.ReadAsync(gold).ToListAsync();

        var results = await teacher.Client.GenerateRationalesAsync(new RationaleSpec(), rows.ToAsyncEnumerable()).Select(response => response.Result).ToListAsync();

        Assert.Equal(200, results.Count);
        Assert.InRange(results.Count(result => result.ParseOutcome == ParseOutcome.Parsed), 180, 200);
        Assert.All(results, result => Assert.NotEmpty(result.RawText));
    }

    private static IEnumerable<string> Outputs(string data) => Directory.GetFiles(SharedData.Locate($"data/reference-layout/{data}/llm"), "train_CoT_*.json")
        .Order(StringComparer.Ordinal).SelectMany(file => JsonSerializer.Deserialize<string[]>(File.ReadAllText(file))!);
}
