using System.Text.Json;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Tests;

public sealed class ReferenceLayoutTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ReferenceLayoutTests() => Directory.CreateDirectory(Path.Combine(_folder.Path, "llm"));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Read_GoldAsAnArrayOrAsLines_TakesEachAnswerUpToItsEnd(bool isArray)
    {
        string[] rows =
        [
            """{"input":"How many?","label":"( 3.0 + 4.0 )"}""",
            """{"premise":"A dog runs.","hypothesis":"It moves.","label":"entailment"}""",
            """{"input":"Where?\nAnswer Choices:\n(a) here\n(b) there","label":"here"}""",
            """{"input":"Who?","label":"me"}""",
            """{"input":"How many now?","label":"( 1.0 )"}""",
        ];
        var gold = Write("mixed_train.json", isArray ? $"[{string.Join(",\n", rows)}]" : string.Join('\n', rows));
        Answers("train", 0, "There are 3 and 4. The answer is (3 + 4).\n\nQ: What else?\nA: Nothing. The answer is 5.", "It runs, so it moves. The answer is entailment.");
        Answers("train", 1, "It must be near. So the answer is (b) there.\n\nQ: Where else?\nAnswer Choices:\n(a) nowhere\nA: So the answer is (a) nowhere.", "I do not know who.");
        Answers("test", 0, "Not of this split. The answer is 0.");

        var read = await ReferenceLayout.ReadRowsAsync(gold, ExampleColumns.Usual).Select(row => row.Example!).ToListAsync();

        Assert.Equal(
            [("(3 + 4)", "There are 3 and 4."), ("entailment", "It runs, so it moves."), ("there", "It must be near."), ("", ""), ("", "")],
            read.Select(row => (row.TeacherLabel, row.Rationale)));
        Assert.Equal(["( 3.0 + 4.0 )", "entailment", "here", "me", "( 1.0 )"], read.Select(row => row.Label));
        Assert.Equal((2, "A dog runs."), (read[1].Segments.Count, read[1].Group));
    }

    [Fact]
    public async Task Read_MoreThanTenFilesOfAnswers_TakesThemByTheirNumbers()
    {
        var gold = Write("n_train.json", string.Join('\n', Enumerable.Range(0, 12).Select(i => JsonSerializer.Serialize(new { input = $"{i}?", label = "x" }))));
        for (var i = 0; i < 12; i++)
        {
            Answers("train", i, $"Reason {i}. The answer is {i}.");
        }

        Assert.Equal(Enumerable.Range(0, 12).Select(i => $"{i}"), await ReferenceLayout.ReadRowsAsync(gold, ExampleColumns.Usual).Select(row => row.Example!.TeacherLabel).ToListAsync());
    }

    [Theory]
    [InlineData("""{"input":"a"}""", "[\"x\",\"y\"]", "there are more answers than its 1 rows")]
    [InlineData("""{"input":"a"}""", "[\"x\"", "train_CoT_0.json is not a JSON array of texts")]
    [InlineData("""{"input":"a"}""", "[1]", "train_CoT_0.json is not a JSON array of texts")]
    [InlineData("""{"input":"a"}""", "[null]", "train_CoT_0.json is not a JSON array of texts")]
    [InlineData("""{"input":"a"}""", null, "there is no llm/train_CoT_0.json beside it")]
    [InlineData("""[{"input":"a"}""", "[\"x\"]", "n_train.json is not a JSON array")]
    public async Task Read_FileThatCannotBeUsed_IsNamed(string gold, string? answers, string expected)
    {
        var path = Write("n_train.json", gold);
        if (answers is not null)
        {
            Write("llm/train_CoT_0.json", answers);
        }

        var refused = await Assert.ThrowsAsync<InvalidDataException>(async () => await ReferenceLayout.ReadRowsAsync(path, ExampleColumns.Usual).ToListAsync());

        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_RowThatCannotBeUsed_TakesItsAnswerWithIt()
    {
        var gold = Write("n_train.json", """[{"input":"a"},7,{"label":"x"},{"input":"b"}]""");
        Answers("train", 0, "R. The answer is 1.", "R. The answer is 2.", "R. The answer is 3.", "R. The answer is 4.");

        var rows = await ReferenceLayout.ReadRowsAsync(gold, ExampleColumns.Usual).ToListAsync();

        Assert.Equal(["1", "", "", "4"], rows.Select(row => row.Example?.TeacherLabel ?? ""));
        Assert.Equal([(2, "it is not a JSON object"), (3, "it has no input")], rows.Where(row => row.Example is null).Select(row => ((int)row.Line, row.Refusal.Split(':')[0])));
    }

    [SharedFact("data/reference-layout")]
    public async Task Read_PapersSvamp_AgreesWithTheJoinedRowsWhereTheseAreWhole()
    {
        await AgreesAsync(SharedData.Locate("data/reference-layout/svamp/svamp_train.json"), "data/dss/svamp_train.jsonl", 800);
        await AgreesAsync(SharedData.Locate("data/reference-layout/svamp/svamp_test.json"), "data/dss/svamp_test.jsonl", 200);
    }

    [SharedFact("data/reference-layout")]
    public async Task Read_PapersCqaOutputs_AgreeWithTheJoinedRowsWhereOneOptionIsNamed()
    {
        foreach (var answers in Directory.GetFiles(SharedData.Locate("data/reference-layout/cqa/llm")))
        {
            File.Copy(answers, Path.Combine(_folder.Path, "llm", Path.GetFileName(answers)));
        }

        var joined = await ExampleFile.ReadAsync(SharedData.Locate("data/dss/cqa_train.jsonl")).Take(2000).ToListAsync();
        var gold = Write("cqa_train.json", string.Join('\n', joined.Select(row => JsonSerializer.Serialize(new { input = row.Segments[0], label = row.Label }))));

        await AgreesAsync(gold, "data/dss/cqa_train.jsonl", 2000);
    }

    private static async Task AgreesAsync(string gold, string joined, int count)
    {
        var rows = await ReferenceLayout.ReadRowsAsync(gold, ExampleColumns.Usual).Select(row => row.Example!).ToListAsync();
        var expected = await ExampleFile.ReadAsync(SharedData.Locate(joined)).Take(count).ToListAsync();
        Assert.Equal(expected.Select(row => (row.Segments[0], row.Label)), rows.Select(row => (row.Segments[0], row.Label)));
        // The paper's own parser kept "(16 * 17)" of "(16 * 17) * 4", and "park or" and "(some - 8)", which are no labels.
        var others = rows.Zip(expected, (row, other) => (Ours: row.TeacherLabel, Theirs: other.TeacherLabel.Trim())).Where(labels => labels.Ours != labels.Theirs).ToArray();
        Assert.InRange(others.Length / (double)count, 0, 0.08);
        Assert.InRange(others.Count(labels => labels.Ours.Length > 0 && !labels.Ours.Contains(labels.Theirs, StringComparison.OrdinalIgnoreCase)) / (double)count, 0, 0.005);
        Assert.InRange(rows.Zip(expected).Count(pair => pair.First.Rationale == pair.Second.Rationale.Trim()) / (double)count, 0.97, 1);
        Assert.All(rows, row => Assert.DoesNotContain("Q:", row.Rationale, StringComparison.Ordinal));
    }

    private void Answers(string split, int number, params string[] texts) => Write($"llm/{split}_CoT_{number}.json", JsonSerializer.Serialize(texts));

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder.Path, name);
        File.WriteAllText(path, text);
        return path;
    }
}
