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
    [InlineData("Both. So the answer is either (a) pond or (b) tree.\n\nQ: x", "Choice", ParseOutcome.LabelOutsideSet, "Both.", "")]
    [InlineData("Both. So the answer is (e) sea.\n\nQ: x", "Choice", ParseOutcome.LabelOutsideSet, "Both.", "")]
    [InlineData("He sleeps. The answer is Contradiction.\n", "Nli", ParseOutcome.Parsed, "He sleeps.", "contradiction")]
    [InlineData("He sleeps. The answer is neutral or entailment.\n", "Nli", ParseOutcome.LabelOutsideSet, "He sleeps.", "")]
    public void Parse_EachShape_GivesItsOutcome(string text, string form, ParseOutcome outcome, string rationale, string label) =>
        Assert.Equal((outcome, rationale, label), AnswerParser.Parse(text, AnswerFormat.Of(Enum.Parse<AnswerForm>(form)), Options, isCut: true));

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
