using System.Security.Cryptography;
using System.Text.Json;
using DistillGrpc.Cli.Tests.Teaching;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;

namespace DistillGrpc.Cli.Tests.Prompts;

public sealed class PromptsCommandTests : IDisposable
{
    private const string Yaml = "answers: classification\nlabels: [good, bad]\nsystem: Judge it.\nquestion: \"Text: {segment1}\"\nexemplars:\n  - {segments: [Nice!], rationale: It is praise., label: good}\n";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Render_FileAndCsv_PrintsTheConversationWithoutAServer()
    {
        var prompt = Write("mood.yaml", Yaml);
        var data = Write("rows.csv", "input,label\n\"It's {bad}\",bad\nsecond,good\n");

        var (code, output, error) = await Distill.RunAsync("prompts", "render", "--prompt", prompt, "--data", data);

        Assert.Equal((0, ""), (code, error));
        Assert.Equal(
            $"prompts/mood, SHA-256 {Hash(prompt)}\n\nrow 2, about 17 tokens (a quarter of the characters)\n[system]\nJudge it.\n[user]\nText: Nice!\n[assistant]\nIt is praise. The answer is good.\n[user]\nText: It's {{bad}}\n",
            output);
    }

    [Fact]
    public async Task Render_RationalizeAsJson_ShowsTheGoldLabel()
    {
        var (_, output, _) = await Distill.RunAsync(new Distill.PipedIn("""{"premise":"p","hypothesis":"h","label":"neutral"}"""), ["prompts", "render", "--prompt", "nli", "--rationalize", "--json"]);

        var row = JsonDocument.Parse(output).RootElement;
        var turns = row.GetProperty("messages").EnumerateArray().ToArray();
        Assert.Equal(("prompts/nli", 10), (row.GetProperty("prompt").GetString(), turns.Length));
        Assert.Equal("user", turns[^1].GetProperty("role").GetString());
        Assert.StartsWith("Premise: p\nHypothesis: h\n\nThe correct answer is known: neutral.", turns[^1].GetProperty("content").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_OwnDirectory_ShowsThemAmongThoseOfTheTeacher()
    {
        Write("mood.yaml", Yaml);

        var (_, output, _) = await Distill.RunAsync("prompts", "list", "--json", "--prompt-directory", _folder.Path);

        var prompts = JsonDocument.Parse(output).RootElement.GetProperty("prompts").EnumerateArray().ToDictionary(prompt => prompt.GetProperty("name").GetString()!, prompt => prompt.GetProperty("answers").GetString());
        Assert.Equal(("classification", "nli"), (prompts["prompts/mood"], prompts["prompts/nli"]));
    }

    [Theory]
    [InlineData("labels: [a]\n", "mood.yaml: labels: 'classification' needs them")]
    [InlineData("answers: [\n", "mood.yaml: line ")]
    public async Task Test_FileThatCannotBeUsed_SaysWhyAndFails(string yaml, string expected)
    {
        var (code, _, error) = await Distill.RunAsync(new Distill.PipedIn("""{"input":"a"}"""), ["prompts", "test", "--offline", "--prompt", Write("mood.yaml", yaml)]);

        Assert.Equal(1, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_RowsThatItCannotShow_AreNamedAndFail()
    {
        var data = Write("rows.jsonl", "{\"input\":\"a\"}\n{\"segments\":[\"a\",\"b\"]}\n");

        var (code, output, error) = await Distill.RunAsync("prompts", "test", "--offline", "--prompt", Write("mood.yaml", Yaml), "--data", data);

        Assert.Equal((1, "error: prompts/mood cannot show 1 of 2 rows.\n"), (code, error));
        Assert.Contains("row 2: input.segments: prompts/mood shows 1, and there are 2\n1 of 2 rows can be shown", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_RunningTeacher_IsAskedForTheFirstRowsAndItsAnswersAreShown()
    {
        var prompt = Write("mood.yaml", Yaml);
        var data = Write("rows.csv", "input,label\na,good\nb,bad\nc,bad\n");
        var fake = new FakeTeacher(input => Answer(input, Hash(prompt)));
        await using var teacher = await FakeServices.StartAsync(fake);

        var (code, output, error) = await Distill.RunAsync("prompts", "test", "--prompt", prompt, "--data", data, "--rows", "2", "--teacher", $"{teacher.Address()}");

        Assert.Equal((0, ""), (code, error));
        Assert.Equal("prompts/mood", fake.Spec!.Prompt);
        Assert.Contains("row 2: Parsed, label 'good', gold 'good'\nraw a\n", output, StringComparison.Ordinal);
        Assert.EndsWith("2 of 2 answers could be read, 1 of 2 have the gold label.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_UnreadableAnswerOrAnotherFileOfTheTeacher_Fails()
    {
        await using var teacher = await FakeServices.StartAsync(new FakeTeacher(input => new RationaleResult(Answer(input, new string('0', 64))) { ParseOutcome = ParseOutcome.NoLabel }));

        var (code, _, error) = await Distill.RunAsync(
            new Distill.PipedIn("a\n"), ["prompts", "test", "--format", "text", "--prompt", Write("mood.yaml", Yaml), "--teacher", $"{teacher.Address()}"]);

        Assert.Equal((1, "error: 1 of 1 answers could not be read; the Teacher has another file as prompts/mood than this one.\n"), (code, error));
    }

    [Fact]
    public async Task Test_PromptThatTheTeacherHasNot_SaysWhereItIsToBePut()
    {
        await using var teacher = await FakeServices.StartAsync(new FakeTeacher(_ => throw RpcFailure.NotFound("PROMPT_NOT_FOUND", "There is no prompt 'prompts/mood'.")));

        var (code, _, error) = await Distill.RunAsync(
            new Distill.PipedIn("a\n"), ["prompts", "test", "--format", "text", "--prompt", Write("mood.yaml", Yaml), "--teacher", $"{teacher.Address()}"]);

        Assert.Equal((1, "error: The running Teacher has no prompts/mood: put the file into its PromptDirectory and start it again, or check it with --offline.\n"), (code, error));
    }

    private static RationaleResult Answer(Example input, string hash) => new(TeachCommandTests.Good(input))
    {
        Label = "good",
        RawText = $"raw {input.Segments[0]}",
        Provenance = new Provenance { PromptHash = hash },
    };

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder.Path, name);
        File.WriteAllText(path, text);
        return path;
    }
}
