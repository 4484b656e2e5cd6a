using System.Text.Json;
using DistillGrpc.Hosting;
using DistillGrpc.Student;
using DistillGrpc.Teacher;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Cli.Tests;

public sealed class ServiceCommandTests
{
    // The same file is learnt from and held out.
    private const string Overlap = "30 of 30 held-out rows have an input that is learnt from: what the student gets right may be what it has seen.\n";

    [Fact]
    public async Task TeachTrainPredictEval_AgainstRunningServices_DoWhatTheReadmeSays()
    {
        using var folder = new TemporaryFolder();
        await using var teacher = TeacherHost.Create(["--Listen=http://127.0.0.1:0", $"--StateDirectory={folder.Path}/teacher"], builder => builder.Logging.ClearProviders());
        await teacher.StartAsync();
        await using var student = StudentHost.Create(["--Listen=http://127.0.0.1:0", $"--StateDirectory={folder.Path}/state"], builder => builder.Logging.ClearProviders());
        await student.StartAsync();
        var (rows, taught) = (Path.Combine(folder.Path, "rows.jsonl"), Path.Combine(folder.Path, "taught.jsonl"));
        await File.WriteAllLinesAsync(rows, Enumerable.Range(20, 30).Select(i => JsonSerializer.Serialize(new { input = $"Mia has {i} apples. Mia loses 3 apples. How many apples does Mia have now?", label = $"{i} - 3" })));

        var teach = await Distill.RunAsync("teach", "--data", rows, "--out", taught, "--teacher", $"{teacher.Address()}");
        Assert.Equal((0, "30 rows, 30 accepted, 0 without an answer."), (teach.ExitCode, teach.Error.Trim()));
        Assert.All(await File.ReadAllLinesAsync(taught), line => Assert.Contains(" Mia loses 3 apples: ", JsonDocument.Parse(line).RootElement.GetProperty("rationale").GetString(), StringComparison.Ordinal));

        var train = await Distill.RunAsync("train", "--data", taught, "--eval-data", rows, "--id", "mine", "--steps", "5", "--student", $"{student.Address()}");
        Assert.Equal((0, Overlap), (train.ExitCode, train.Error));
        Assert.Contains("of 30 right", train.Output, StringComparison.Ordinal);
        Assert.Contains("models/mine/versions/1: 5 steps", train.Output, StringComparison.Ordinal);

        var predict = await Distill.RunAsync("predict", "--task", "both", "--student", $"{student.Address()}", "Mia has 20 apples. How many apples does Mia have now?");
        Assert.Equal((0, "", 2), (predict.ExitCode, predict.Error, predict.Output.Count(c => c == '\n')));

        var answers = await Distill.RunAsync("predict", "--task", "both", "--json", "--max-tokens", "3", "--student", $"{student.Address()}", "Mia has 20 apples. How many apples does Mia have now?");
        var tasks = answers.Output.TrimEnd().Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal(["PREDICTION_TASK_LABEL", "PREDICTION_TASK_RATIONALE"], tasks.Select(answer => answer.GetProperty("task").GetString()));
        Assert.All(tasks, answer => Assert.InRange(int.Parse(answer.GetProperty("usage").GetProperty("outputTokens").GetString()!), 1, 3));

        var eval = await Distill.RunAsync("eval", "--data", rows, "--json", "--student", $"{student.Address()}");
        Assert.Equal((0, ""), (eval.ExitCode, eval.Error));
        Assert.Equal(30, JsonDocument.Parse(eval.Output).RootElement.GetProperty("rows").GetInt32());

        var predicted = await Distill.RunAsync(new Distill.PipedIn("id,input\na,Mia has 20 apples.\nb,Mia has 3 apples.\n"), ["predict", "--format", "csv", "--student", $"{student.Address()}"]);
        Assert.Equal((0, ""), (predicted.ExitCode, predicted.Error));
        Assert.Equal(["a", "b"], predicted.Output.TrimEnd().Split('\n').Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()).Order());

        var savings = await Distill.RunAsync("savings", "--data", taught, "--requests", "10", "--json", "--student", $"{student.Address()}");
        Assert.Equal((0, ""), (savings.ExitCode, savings.Error));
        var costs = JsonDocument.Parse(savings.Output).RootElement;
        Assert.Equal(("models/mine/versions/1", 10, 30), (costs.GetProperty("model").GetString(), costs.GetProperty("inputs").GetInt32(), costs.GetProperty("rows").GetInt32()));
        Assert.True(costs.GetProperty("labelAndRationale").GetProperty("costPerThousand").GetDecimal() > 0);

        var unknown = await Distill.RunAsync("eval", "--data", rows, "--model", "models/none", "--student", $"{student.Address()}");
        Assert.Equal((1, ""), (unknown.ExitCode, unknown.Output));
        Assert.Contains("There is no model 'models/none'.", unknown.Error, StringComparison.Ordinal);
        var before = await File.ReadAllTextAsync(taught);
        var away = await Distill.RunAsync("teach", "--data", rows, "--out", taught, "--teacher", "http://127.0.0.1:9");
        Assert.Equal((1, before), (away.ExitCode, await File.ReadAllTextAsync(taught)));
        Assert.False(File.Exists(taught + ".tmp"));

        var state = await Distill.RunAsync("state", "--json", "--state-directory", $"{folder.Path}/state");
        var kinds = JsonDocument.Parse(state.Output).RootElement.GetProperty("kinds");
        Assert.Equal((1, 0), (kinds.GetProperty("models").GetProperty("entries").GetInt32(), kinds.GetProperty("unfinished").GetProperty("entries").GetInt32()));
        Assert.True(kinds.GetProperty("models").GetProperty("bytes").GetInt64() > 100_000);

        var again = await Distill.RunAsync("train", "--data", taught, "--id", "mine", "--steps", "2", "--alias", "canary", "--student", $"{student.Address()}");
        Assert.Equal((0, ""), (again.ExitCode, again.Error));
        Assert.Contains("models/mine/versions/2: 2 steps", again.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TrainJob_AgainstARunningStudent_IsWatchedListedAndItsModelMoved()
    {
        using var folder = new TemporaryFolder();
        await using var student = StudentHost.Create(["--Listen=http://127.0.0.1:0", $"--StateDirectory={folder.Path}/state"], builder => builder.Logging.ClearProviders());
        await student.StartAsync();
        var rows = Path.Combine(folder.Path, "rows.jsonl");
        await File.WriteAllLinesAsync(rows, Enumerable.Range(20, 30).Select(i => JsonSerializer.Serialize(new { input = $"Mia has {i} apples.", label = $"{i}", rationale = $"It says {i}." })));
        Task<(int ExitCode, string Output, string Error)> Run(params string[] args) => RunAsync([.. args, "--student", $"{student.Address()}"]);

        var train = await Run("train", "--job", "nightly", "--data", rows, "--eval-data", rows, "--id", "mine", "--steps", "6");
        var again = await Run("train", "--job", "nightly", "--data", rows, "--eval-data", rows, "--id", "mine", "--steps", "6");
        var other = await Run("train", "--job", "nightly", "--data", rows, "--id", "mine", "--steps", "7");
        Assert.Equal((0, Overlap), (train.ExitCode, train.Error));
        Assert.Contains("models/mine/versions/1: 6 steps", train.Output, StringComparison.Ordinal);
        Assert.Equal((0, train.Output, Overlap), (again.ExitCode, again.Output, again.Error));
        Assert.Equal((1, "error: There is a job trainingJobs/nightly already, with other rows or options: take a new --job, or delete it.\n"), (other.ExitCode, other.Error));

        var detached = await Run("train", "--job", "trainingJobs/long", "--data", rows, "--id", "long", "--steps", "1000000", "--detach");
        Assert.Equal((0, "", "trainingJobs/long goes on by itself: distill jobs watch trainingJobs/long\n"), (detached.ExitCode, detached.Output, detached.Error));
        // No Teacher runs there; an id alone is looked for at both.
        var (nobody, at) = ("http://127.0.0.1:9", "--teacher");
        Assert.StartsWith("trainingJobs/long Paused: models/long", (await Run("jobs", "pause", "long", at, nobody)).Output, StringComparison.Ordinal);
        Assert.StartsWith("trainingJobs/long Cancelled", (await Run("jobs", "cancel", "long", at, nobody)).Output, StringComparison.Ordinal);
        var list = await Run("jobs", "list", at, nobody);
        Assert.Equal(0, list.ExitCode);
        Assert.Equal(["trainingJobs/long", "trainingJobs/nightly"], list.Output.TrimEnd().Split('\n').Select(line => line.Split(' ')[0]));
        Assert.StartsWith("--teacher: The service cannot be reached", list.Error, StringComparison.Ordinal);
        Assert.Equal("TRAINING_JOB_STATE_SUCCEEDED", JsonDocument.Parse((await Run("jobs", "get", "nightly", "--json", at, nobody)).Output).RootElement.GetProperty("state").GetString());
        Assert.Equal("trainingJobs/long is deleted.\n", (await Run("jobs", "delete", "long", at, nobody)).Output);
        var unknown = await Run("jobs", "get", "long", at, nobody);
        Assert.Equal((1, "error: There is no job 'trainingJobs/long'. (NotFound, JOB_NOT_FOUND) Who could have extractions/long cannot be reached.\n"), (unknown.ExitCode, unknown.Error));
        Assert.Equal("error: --priority needs --job.\n", (await Run("train", "--data", rows, "--id", "mine", "--priority", "3")).Error);

        var copy = Path.Combine(folder.Path, "copy");
        Assert.Matches("(?s)^models/mine Serving, .* parameters\n  models/mine/versions/1 \\(stable\\) Serving, trainingJobs/nightly, 30 rows of datasets/[0-9a-f]{32}, 6 steps, \\d+ of 30 right\n    answers with .*, not in int8: labels were compared on 30 rows, of at least 200\n    int8 beside float32: \\d+ of 30 labels agree.*: labels were compared on 30 rows, of at least 200\n    calibration: none: [^\n]*\n$", (await Run("models", "get", "mine")).Output);
        Assert.Contains("(canary, stable)", (await Run("models", "alias", "mine/versions/1", "canary")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await Run("models", "download", "mine@canary", copy)).ExitCode);
        Assert.Equal("models/copy/versions/1 answers as stable.\n", (await Run("models", "upload", "copy", copy)).Output);
        Assert.Equal("models/mine is deleted.\n", (await Run("models", "delete", "mine")).Output);
        Assert.StartsWith("models/copy Serving", (await Run("models", "list")).Output, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(string[] args)
    {
        var run = await Distill.RunAsync(args);
        return (run.ExitCode, run.Output, run.Error);
    }
}
