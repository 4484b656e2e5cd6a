using System.Diagnostics;
using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Microsoft.AspNetCore.Builder;

namespace DistillGrpc.Cli.Tests.Jobs;

public sealed class JobsCommandTests : IAsyncLifetime
{
    private const string Rows = "one\nbad\nthree\nfour\nfive\n";
    private readonly TemporaryFolder _folder = new();
    private readonly FakeJobs _jobs = new();
    private WebApplication _service = null!;

    // Not the one that may run on this machine.
    private static readonly string[] NoStudent = ["--student", "http://127.0.0.1:1"];

    private string Out => Path.Combine(_folder.Path, "rows.jsonl");

    public async Task InitializeAsync() => _service = await FakeServices.StartAsync(_jobs);

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task TeachJob_RunTwice_WritesEveryRowOnceThoughTheStreamBreaksOff()
    {
        for (var run = 0; run < 2; run++)
        {
            var (code, _, error) = await Run(Rows, "teach", "--job", "night", "--format", "text", "--out", Out);

            Assert.Equal((0, "5 rows, 4 accepted, 0 without an answer.\nrejected: LABEL_LEAK 1, WRONG_LABEL 1\n"), (code, error));
            var rows = (await File.ReadAllLinesAsync(Out)).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("segments")[0].GetString());
            Assert.Equal(["one", "bad", "three", "four", "five"], rows);
        }
    }

    [Fact]
    public async Task RowsFollow_JobThatWasPausedOnceAndResumed_IsFollowedToItsEnd()
    {
        _jobs.WasPaused = true;
        await Run(Rows, "teach", "--job", "night", "--format", "text", "--detach");

        var (code, output, error) = await Run("", "rows", "night", "--all", "--follow");

        Assert.Equal((0, 5), (code, output.TrimEnd().Split('\n').Length));
        Assert.EndsWith("extractions/night Succeeded: 5 of 5, 4 accepted, cost 0.005\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RowsFollow_JobThatIsPaused_TakesWhatThereIsAndSaysHowToGoOn()
    {
        await Run(Rows, "teach", "--job", "night", "--format", "text", "--detach");
        _jobs.State = ExtractionState.Paused;

        var (code, output, error) = await Run("", "rows", "night", "--all", "--follow");

        Assert.Equal((1, 5), (code, output.TrimEnd().Split('\n').Length));
        Assert.EndsWith("error: extractions/night is Paused, and goes on after: distill jobs resume extractions/night\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TeachJob_InputThatIsRefused_IsToldAndTheOthersGoOn()
    {
        var (code, output, error) = await Run("one\nrefused\nthree\n", "teach", "--job", "night", "--format", "text");

        Assert.Equal((1, 2), (code, output.TrimEnd().Split('\n').Length));
        Assert.StartsWith("row 2: it is refused\n1 inputs were refused.\n2 rows, 2 accepted", error, StringComparison.Ordinal);
        Assert.EndsWith("error: 1 inputs were refused: mend them, and ask for them with another --job.\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TeachJob_JobThatStaysOpen_SaysHowToGoOnInsteadOfWaiting()
    {
        (_jobs.StaysOpen, _jobs.State) = (true, ExtractionState.Running);

        var (code, _, error) = await Run("one\nrefused\n", "teach", "--job", "night", "--format", "text");

        Assert.Equal(1, code);
        Assert.EndsWith("error: extractions/night waits for further inputs, because 1 were refused: mend them, and run the same command again.\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TeachJob_OutThatCannotBeWritten_IsKnownBeforeThereIsAJob()
    {
        var path = Path.Combine(_folder.Path, "none", "rows.jsonl");

        var (code, _, error) = await Run(Rows, "teach", "--job", "night", "--format", "text", "--out", path);

        Assert.Equal((1, $"error: --out: {path} cannot be written: its folder is not there.\n", false), (code, error, _jobs.IsCreated));
    }

    [Theory]
    [InlineData("rows.txt")]
    [InlineData("-")]
    public async Task TeachJob_NoRows_LeavesNoJob(string name)
    {
        var data = name == "-" ? name : Path.Combine(_folder.Path, name);
        await File.WriteAllTextAsync(Path.Combine(_folder.Path, "rows.txt"), "");

        var (code, output, error) = await Run("", "teach", "--job", "night", "--format", "text", "--data", data);

        Assert.Equal((1, "", false), (code, output, _jobs.IsCreated));
        Assert.EndsWith(": there are no rows.\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TeachJob_TeacherThatStopsWhileItTakesInputs_SaysHowToGoOn()
    {
        _jobs.IsStopping = true;

        var (code, _, error) = await Run(Rows, "teach", "--job", "night", "--format", "text");

        Assert.Equal(1, code);
        Assert.StartsWith("extractions/night may not have all of its inputs: run the same command again.\nerror: The service is being stopped.", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TeachJob_OtherOptionsOfTheSameJob_SayWhatToDo()
    {
        await Run(Rows, "teach", "--job", "night", "--format", "text", "--detach");

        var (code, _, error) = await Run(Rows, "teach", "--job", "night", "--format", "text", "--samples", "3");

        Assert.Equal(1, code);
        Assert.Contains("SPEC_DIFFERS", error, StringComparison.Ordinal);
        Assert.Contains("distill jobs resume extractions/night --budget AMOUNT", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TeachJob_OutOfBudget_WritesWhatThereIsAndSaysHowToGoOn()
    {
        _jobs.State = ExtractionState.OutOfBudget;

        var (code, _, error) = await Run(Rows, "teach", "--job", "night", "--format", "text", "--out", Out);

        Assert.Equal((1, 5), (code, (await File.ReadAllLinesAsync(Out)).Length));
        Assert.EndsWith("error: extractions/night is OutOfBudget, and goes on after: distill jobs resume extractions/night --budget AMOUNT\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TeachJob_CtrlC_LeavesTheJobRunningAndSaysHowToGoOn()
    {
        _jobs.State = ExtractionState.Running;
        using var process = Distill.Start("teach", "--job", "night", "--format", "text", "--teacher", $"{_service.Address()}");
        await process.StandardInput.WriteAsync(Rows);
        process.StandardInput.Close();
        await process.StandardOutput.ReadLineAsync();

        using var kill = Process.Start("kill", ["-INT", $"{process.Id}"]);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(
            (130, "extractions/night goes on by itself; its rows: distill rows extractions/night --follow\nInterrupted.\n"),
            (process.ExitCode, await process.StandardError.ReadToEndAsync()));
        Assert.Equal(ExtractionState.Running, _jobs.State);
    }

    [Fact]
    public async Task TeachJob_Detached_SaysHowToGetTheRows()
    {
        var (code, output, error) = await Run(Rows, "teach", "--job", "extractions/night", "--format", "text", "--detach");

        Assert.Equal((0, "", "extractions/night goes on by itself; its rows: distill rows extractions/night --follow\n"), (code, output, error));
    }

    [Fact]
    public async Task TeachEstimate_Rows_AskNothingAndSayWhatItWouldCost()
    {
        var (code, output, error) = await Run(Rows, "teach", "--estimate", "--format", "text", "--samples", "3");

        Assert.Equal((0, ""), (code, error));
        Assert.Equal(
            "4 inputs to ask, 1 answered before\nlikely   cost 0.0015 (100 tokens read, 40 written), in 0.00:01:30\nat most  cost 0.02 (100 tokens read, 512 written)\n", output);
        Assert.Equal(3, _jobs.Estimated!.Rationales.Samples);
        Assert.Equal(90, JsonDocument.Parse((await Run(Rows, "teach", "--estimate", "--format", "text", "--json")).Output).RootElement.GetProperty("seconds").GetDouble());
    }

    [Fact]
    public async Task TeachEstimate_WithAJob_IsRefused() => Assert.Equal(
        "error: --estimate asks nothing, and goes neither with --job nor with --detach.\n", (await Run(Rows, "teach", "--estimate", "--job", "night", "--format", "text")).Error);

    [Fact]
    public async Task Rows_AfterANumber_AreTheAcceptedOnesBehindIt()
    {
        await Run(Rows, "teach", "--job", "night", "--format", "text", "--detach");

        var (code, output, error) = await Run("", "rows", "night", "--after", "1", "--json");
        var all = await Run("", "rows", "night", "--all", "--out", Out);

        Assert.Equal((0, 3), (code, output.TrimEnd().Split('\n').Length));
        Assert.Equal((5, 3), (JsonDocument.Parse(error).RootElement.GetProperty("after").GetInt32(), JsonDocument.Parse(error).RootElement.GetProperty("rows").GetInt32()));
        Assert.Equal((0, "", 5), (all.ExitCode, all.Output, (await File.ReadAllLinesAsync(Out)).Length));
        Assert.EndsWith("extractions/night Succeeded: 5 of 5, 4 accepted, cost 0.005\n", all.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Jobs_EveryVerb_SaysWhatBecameOfTheJob()
    {
        await Run(Rows, "teach", "--job", "night", "--format", "text", "--detach");

        Assert.Equal("extractions/night Succeeded: 5 of 5, 4 accepted, cost 0.005\n", (await Run("", "jobs", "list")).Output);
        Assert.Equal("EXTRACTION_STATE_SUCCEEDED", JsonDocument.Parse((await Run("", "jobs", "get", "night", "--json")).Output).RootElement.GetProperty("state").GetString());
        var before = await Distill.RunAsync(["jobs", "--teacher", $"{_service.Address()}", "get", "night", "--json", .. NoStudent]);
        Assert.Equal("0", JsonDocument.Parse(before.Output).RootElement.GetProperty("usage").GetProperty("inputTokens").GetString());
        Assert.StartsWith("extractions/night Paused", (await Run("", "jobs", "pause", "extractions/night")).Output, StringComparison.Ordinal);
        Assert.StartsWith("extractions/night Running", (await Run("", "jobs", "resume", "night", "--budget", "2.5")).Output, StringComparison.Ordinal);
        Assert.Equal(2_500_000_000, _jobs.Budget);
        Assert.StartsWith("extractions/night Cancelled", (await Run("", "jobs", "cancel", "night")).Output, StringComparison.Ordinal);
        var report = (await Run("", "jobs", "report", "night")).Output;
        Assert.Contains("gold label: 3 of 4 (75.0%)\nrejected, WRONG_LABEL: 1\n  {\"id\":\"2\",\"segments\":[\"bad\"]", report, StringComparison.Ordinal);
        Assert.Equal("extractions/night is deleted.\n", (await Run("", "jobs", "delete", "night")).Output);
        var unknown = await Run("", "jobs", "get", "other");
        Assert.Equal((1, ""), (unknown.ExitCode, unknown.Output));
        Assert.Contains("EXTRACTION_NOT_FOUND", unknown.Error, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Error)> Run(string piped, params string[] arguments) =>
        Distill.RunAsync(new Distill.PipedIn(piped), [.. arguments, "--teacher", $"{_service.Address()}", .. arguments[0] == "jobs" ? NoStudent : []]);
}
