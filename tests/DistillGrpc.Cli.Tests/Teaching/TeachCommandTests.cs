using System.Diagnostics;
using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;

namespace DistillGrpc.Cli.Tests.Teaching;

public sealed class TeachCommandTests
{
    [Fact]
    public async Task Teach_StandardInputThatStaysOpen_IsAnsweredRowByRow()
    {
        await using var teacher = await FakeServices.StartAsync(new FakeTeacher(Good));
        using var process = Distill.Start("teach", "--teacher", $"{teacher.Address()}");

        for (var i = 0; i < 3; i++)
        {
            await process.StandardInput.WriteLineAsync($$"""{"input":"text {{i}}"}""");
            await process.StandardInput.FlushAsync();
            var row = JsonDocument.Parse((await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)))!).RootElement;
            Assert.Equal($"text {i}", row.GetProperty("segments")[0].GetString());
        }

        process.StandardInput.Close();
        await process.WaitForExitAsync();
        Assert.Equal((0, "3 rows, 3 accepted, 0 without an answer.\n"), (process.ExitCode, await process.StandardError.ReadToEndAsync()));
    }

    [Fact]
    public async Task Teach_CtrlCWhileStandardInputIsOpen_EndsItInOneLine()
    {
        await using var teacher = await FakeServices.StartAsync(new FakeTeacher(Good));
        using var process = Distill.Start("teach", "--teacher", $"{teacher.Address()}");
        await process.StandardInput.WriteLineAsync("""{"input":"text"}""");
        await process.StandardInput.FlushAsync();
        await process.StandardOutput.ReadLineAsync();

        using var kill = Process.Start("kill", ["-INT", $"{process.Id}"]);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal((130, "Interrupted."), (process.ExitCode, (await process.StandardError.ReadToEndAsync()).Trim()));
    }

    [Fact]
    public async Task Teach_CsvWithOtherNamesAndEveryOption_AsksForWhatWasSaidAndWritesWhatCameBack()
    {
        using var folder = new TemporaryFolder();
        var fake = new FakeTeacher(input => input.Id == "b" ? Rejected(input) : Rich(input));
        await using var teacher = await FakeServices.StartAsync(fake);
        var (data, output) = (Path.Combine(folder.Path, "rows.csv"), Path.Combine(folder.Path, "taught.jsonl"));
        await File.WriteAllTextAsync(data, "key,question,gold\na,\"one,\n1\",x\nb,two,y\n");

        var (code, json, error) = await Distill.RunAsync(
            "teach", "--data", data, "--input-column", "question", "--label-column", "gold", "--id-column", "key", "--out", output, "--json", "--teacher", $"{teacher.Address()}",
            "--name", "teachers/a=0.7", "--name", "teachers/b", "--policy", "vote", "--samples", "3", "--temperature", "0.5", "--rationalize", "--require-gold", "--reject-leak",
            "--min-words", "2", "--max-words", "9", "--language", "en", "--min-agreement", "0.6", "--duplicates", "near", "--judge", "teachers/j", "--tag", "me", "--logprobs", "4", "--budget", "1.5", "--prompt", "prompts/nli");

        Assert.Equal((0, ""), (code, error));
        var expected = new RationaleSpec
        {
            Teachers = { new TeacherShare { Teacher = "teachers/a", Weight = 0.7 }, new TeacherShare { Teacher = "teachers/b" } },
            Policy = TeacherPolicy.Vote,
            Samples = 3,
            Temperature = 0.5,
            Rationalize = true,
            Quality = new QualityRules { RequireGoldLabel = true, RejectLabelLeak = true, MinWords = 2, MaxWords = 9, Language = "en", MinAgreement = 0.6, Duplicates = DuplicateRule.Near, Judge = "teachers/j" },
            Tag = "me",
            TopLogProbabilities = 4,
            BudgetNanos = 1_500_000_000,
            Prompt = "prompts/nli",
        };
        Assert.Equal(expected, fake.Spec);
        var rows = (await File.ReadAllLinesAsync(output)).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal(
            """{"id":"a","segments":["one,\n1"],"label":"x","llm_label":"x","rationale":"so","outcome":"Parsed","accepted":true,"teacher":"teachers/a","rationalized":true,"cost":0.002,"paid":0.001,"input_tokens":10,"output_tokens":5,"agreement":0.75,"label_distribution":{"x":0.75,"z":0.25},"samples":[{"teacher":"teachers/a","outcome":"Parsed","llm_label":"x","rationale":"so"}],"log_probabilities":[[["x",-0.5],["z",-1]]]}""",
            rows[0].GetRawText());
        Assert.Equal(["WRONG_LABEL", "LABEL_LEAK"], rows[1].GetProperty("reasons").EnumerateArray().Select(reason => reason.GetString()));
        var summary = JsonDocument.Parse(json).RootElement;
        Assert.Equal((2, 1, 0.001m), (summary.GetProperty("rows").GetInt32(), summary.GetProperty("accepted").GetInt32(), summary.GetProperty("cost").GetDecimal()));
        Assert.Equal("""{"LABEL_LEAK":1,"WRONG_LABEL":1}""", summary.GetProperty("rejected").GetRawText());
    }

    [Fact]
    public async Task Teach_AcceptedOnly_LeavesTheOthersOutAndCountsThem()
    {
        await using var teacher = await FakeServices.StartAsync(new FakeTeacher(input => input.Id == "2" ? Rejected(input) : Good(input)));

        var (code, output, error) = await Distill.RunAsync(new Distill.PipedIn("one\ntwo\nthree\n"), ["teach", "--format", "text", "--accepted-only", "--teacher", $"{teacher.Address()}"]);

        Assert.Equal((0, 2), (code, output.TrimEnd().Split('\n').Length));
        Assert.Equal("3 rows, 2 accepted, 0 without an answer.\nrejected: LABEL_LEAK 1, WRONG_LABEL 1\n", error);
    }

    [Fact]
    public async Task Teach_BadRowAtTheEndOfAFile_IsFoundBeforeAnythingIsAsked()
    {
        using var folder = new TemporaryFolder();
        var fake = new FakeTeacher(Good);
        await using var teacher = await FakeServices.StartAsync(fake);
        var data = Path.Combine(folder.Path, "rows.jsonl");
        await File.WriteAllLinesAsync(data, [.. Enumerable.Repeat("""{"input":"a"}""", 500), "{}"]);

        var (code, output, error) = await Distill.RunAsync("teach", "--data", data, "--teacher", $"{teacher.Address()}");

        Assert.Equal((1, "", null), (code, output, fake.Spec));
        Assert.StartsWith("error: rows.jsonl, line 501: it has no input", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Teach_TeacherThatAnswersWhatItWasNotAsked_IsAFailureAndNoFile()
    {
        using var folder = new TemporaryFolder();
        await using var teacher = await FakeServices.StartAsync(new FakeTeacher(input => Good(new Example { Id = "1" })));
        var output = Path.Combine(folder.Path, "taught.jsonl");

        var (code, _, error) = await Distill.RunAsync(new Distill.PipedIn("a\nb\n"), ["teach", "--format", "text", "--out", output, "--teacher", $"{teacher.Address()}"]);

        Assert.Equal((1, "error: The Teacher answered '1', which it was not asked.\n"), (code, error));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public async Task Teach_BudgetThatIsUsedUp_IsSaidAndFails()
    {
        await using var teacher = await FakeServices.StartAsync(new FakeTeacher(input => input.Id == "1" ? Good(input) : OutOfBudget(input)));

        var (code, output, error) = await Distill.RunAsync(new Distill.PipedIn("one\ntwo\nthree\n"), ["teach", "--format", "text", "--teacher", $"{teacher.Address()}"]);

        Assert.Equal((1, 3), (code, output.TrimEnd().Split('\n').Length));
        Assert.EndsWith(
            "2: BUDGET_EXHAUSTED (What this call may cost is used up)\nerror: 2 rows have no answer because of the budget: raise --budget and run again, nothing is paid twice.\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_ThatNobodyReads_StopsQuietly()
    {
        // Whoever would read has gone before it writes.
        using var process = Distill.StartHeld("predict", "--help");
        process.StandardOutput.Close();
        await process.StandardInput.WriteLineAsync();
        await process.StandardInput.FlushAsync();

        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal((141, ""), (process.ExitCode, await process.StandardError.ReadToEndAsync()));
    }

    [Fact]
    public async Task Teach_OutputThatNobodyReads_StopsQuietly()
    {
        await using var teacher = await FakeServices.StartAsync(new FakeTeacher(Good));
        using var process = Distill.Start("teach", "--teacher", $"{teacher.Address()}");
        process.StandardOutput.Close();

        await process.StandardInput.WriteLineAsync("""{"input":"text"}""");
        await process.StandardInput.FlushAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal((141, ""), (process.ExitCode, await process.StandardError.ReadToEndAsync()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("input,label\n")]
    public async Task Teach_FileWithoutRows_IsAnError(string text)
    {
        using var folder = new TemporaryFolder();
        await using var teacher = await FakeServices.StartAsync(new FakeTeacher(Good));
        var data = Path.Combine(folder.Path, "rows.csv");
        await File.WriteAllTextAsync(data, text);

        var (code, _, error) = await Distill.RunAsync("teach", "--data", data, "--teacher", $"{teacher.Address()}");

        Assert.Equal((1, "error: rows.csv: there are no rows.\n"), (code, error));
    }

    [Theory]
    [InlineData("rows.txt")]
    [InlineData("link.txt")]
    public async Task Teach_OutThatIsTheData_IsRefusedAndTheDataStays(string name)
    {
        using var folder = new TemporaryFolder();
        await using var teacher = await FakeServices.StartAsync(new FakeTeacher(Good));
        var data = Path.Combine(folder.Path, "rows.txt");
        await File.WriteAllTextAsync(data, "one\n");
        File.CreateSymbolicLink(Path.Combine(folder.Path, "link.txt"), data);

        var (code, _, error) = await Distill.RunAsync("teach", "--data", data, "--out", Path.Combine(folder.Path, name), "--teacher", $"{teacher.Address()}");

        Assert.Equal((1, "error: --out: it is the file of --data, which would be lost.\n", "one\n"), (code, error, await File.ReadAllTextAsync(data)));
    }

    [Theory]
    [InlineData("--name=teachers/a=0", "--name: the weight in 'teachers/a=0' is not a number above 0.")]
    [InlineData("--budget=-1", "--budget is -1, and must be 0, or 0.000000001 to 1000000000.")]
    [InlineData("--budget=0.0000000001", "--budget is 0.0000000001, and must be 0, or 0.000000001 to 1000000000.")]
    public async Task Teach_BadOption_IsNamed(string option, string expected)
    {
        var (code, _, error) = await Distill.RunAsync("teach", "--data", "-", option);

        Assert.Equal((1, $"error: {expected}\n"), (code, error));
    }

    internal static RationaleResult Good(Example input) => new() { InputId = input.Id, ParseOutcome = ParseOutcome.Parsed, Label = "x", Rationale = "so" };

    internal static RationaleResult Rejected(Example input) => new()
    {
        InputId = input.Id,
        ParseOutcome = ParseOutcome.Parsed,
        Label = "x",
        Rationale = "so",
        Verdict = new Verdict { Reasons = { RejectionReason.WrongLabel, RejectionReason.LabelLeak } },
    };

    private static RationaleResult OutOfBudget(Example input) => new()
    {
        InputId = input.Id,
        ParseOutcome = ParseOutcome.Failed,
        Error = new RowError { Reason = "BUDGET_EXHAUSTED", Message = "What this call may cost is used up." },
    };

    private static RationaleResult Rich(Example input) => new()
    {
        InputId = input.Id,
        ParseOutcome = ParseOutcome.Parsed,
        Label = "x",
        Rationale = "so",
        PaidNanos = 1_000_000,
        Usage = new Usage { InputTokens = 10, OutputTokens = 5, CostNanos = 2_000_000 },
        Provenance = new Provenance { Teacher = "teachers/a", Rationalized = true },
        Verdict = new Verdict { Accepted = true },
        Agreement = 0.75,
        LabelDistribution = { new LabelProbability { Label = "x", Probability = 0.75 }, new LabelProbability { Label = "z", Probability = 0.25 } },
        Answers = { new SampledAnswer { Teacher = "teachers/a", ParseOutcome = ParseOutcome.Parsed, Label = "x", Rationale = "so" } },
        Tokens = { new TokenPosition { Tokens = { new TokenLogProbability { Token = "x", LogProbability = -0.5 }, new TokenLogProbability { Token = "z", LogProbability = -1 } } } },
    };
}
