using System.Diagnostics;
using System.Text.Json;
using System.Xml.Linq;
using DistillGrpc.Client;
using DistillGrpc.Hosting;
using DistillGrpc.Student;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Cli.Tests.Sweep;

public sealed class SweepCommandTests : IAsyncLifetime
{
    private readonly TemporaryFolder _temporary = new();
    private WebApplication _student = null!;

    private string Address => $"{_student.Address()}";

    private string Out => Path.Combine(_temporary.Path, "out");

    private string Runs => Path.Combine(Out, "runs");

    public async Task InitializeAsync()
    {
        _student = StudentHost.Create(["--Listen=http://127.0.0.1:0", $"--StateDirectory={_temporary.Path}/state"], builder => builder.Logging.ClearProviders());
        await _student.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _student.DisposeAsync();
        _temporary.Dispose();
    }

    [Fact]
    public async Task Sweep_KilledAndBegunAgain_TrainsEveryRunOnceAndReportsThemAll()
    {
        using var channel = DistillChannel.To(new Uri(Address));
        await UploadAsync("train", 0, 48);
        await UploadAsync("test", 100, 12);

        // The first run has ended: the rest is lost with the process, but for what the Student has of it.
        using (var killed = Distill.Start(Arguments()))
        {
            var waited = Stopwatch.StartNew();
            while ((!Directory.Exists(Runs) || Directory.GetFiles(Runs, "*.json").Length == 0) && waited.Elapsed < TimeSpan.FromSeconds(60) && !killed.HasExited)
            {
                await Task.Delay(50);
            }

            killed.Kill(entireProcessTree: true);
            await killed.WaitForExitAsync();
        }

        var early = Directory.GetFiles(Runs, "*.json").ToDictionary(file => file, File.GetLastWriteTimeUtc);
        var (code, output, error) = await Distill.RunAsync(Arguments());

        Assert.Equal((0, ""), (code, error));
        Assert.NotEmpty(early);
        Assert.All(early, file => Assert.Equal(file.Value, File.GetLastWriteTimeUtc(file.Key)));
        var jobs = await new TrainingClient(channel).ListAsync().ToListAsync();
        Assert.Equal(8, jobs.Count);
        Assert.All(jobs, job => Assert.True(job.Spec.Report.SkipBaseline && job.Spec.Steps == 2));
        // Two fractions: 24 rows within 48, in whole groups.
        Assert.Equal(2, jobs.Select(job => job.Spec.Dataset).Distinct().Count());
        Assert.Equal(4, jobs.Count(job => job.Spec.ComputeBudgetFlops > 0));
        Assert.Empty(await new ModelClient(channel).ListAsync());
        Assert.Equal(8, Directory.GetFiles(Path.Combine(Out, "rows")).Length);
        Assert.Matches("rows +label-only +label-only, equal compute +step-by-step\n +24 .*\n +48 ", output);
        Assert.NotNull(XDocument.Load(Path.Combine(Out, "report.html")).Root);
        var lines = await File.ReadAllLinesAsync(Path.Combine(Out, "report.csv"));
        Assert.Equal(9, lines.Length);
        Assert.All(lines.Skip(1), line => Assert.Contains(",Succeeded,,12,", line, StringComparison.Ordinal));

        // Once more: nothing is left to do. A result that is lost is read from its job.
        File.Delete(early.Keys.First());
        var again = await Distill.RunAsync([.. Arguments(), "--json"]);
        Assert.Equal((0, ""), (again.ExitCode, again.Error));
        Assert.Equal((8, 0, 6), Told(again.Output));
        Assert.Equal(jobs.Select(job => (job.Name, job.LastSequence)), (await new TrainingClient(channel).ListAsync().ToListAsync()).Select(job => (job.Name, job.LastSequence)));
        await JobReportAsync(jobs[0].Name);
    }

    [Fact]
    public async Task Sweep_RunThatIsRefused_DoesNotEndTheOthersAndIsToldOf()
    {
        await UploadAsync("train", 0, 24);
        await UploadAsync("test", 100, 6);
        var plan = Path.Combine(_temporary.Path, "small.yaml");
        await File.WriteAllTextAsync(plan, "datasets: train\nevaluation: test\ncompute: equal-steps\nspec: {steps: 2, warmup_steps: 1}\nvariants: [label-only, {name: wrong, spec: {clip_norm: -1}}]\ntune: {development: 0.25, grid: {learning_rate: [0.01, 0.02]}}\n");

        var (code, output, error) = await Distill.RunAsync("sweep", plan, "--out", Out, "--keep-best", "--student", Address);

        Assert.Equal((1, "error: 3 runs did not succeed; the report says why.\n"), (code, error));
        Assert.Contains("wrong, train x 1, gold-else-teacher, micro, seed 1: Refused (INVALID_FIELD: spec.clip_norm: must be above 0)", output, StringComparison.Ordinal);
        Assert.Matches("models/small-label-only-[0-9a-f]{10}@sweep is kept.", output);
        using var channel = DistillChannel.To(new Uri(Address));
        Assert.Single(await new ModelClient(channel).ListAsync());
        // Settings were chosen on a quarter of the rows that nobody learnt from; the held-out rows are evaluated on once, at the end.
        var jobs = await new TrainingClient(channel).ListAsync().ToListAsync();
        var last = Assert.Single(jobs, job => job.Evaluation.Examples == 6 && job.Spec.EvaluationDataset != jobs[^1].Spec.EvaluationDataset);
        Assert.All(jobs, job => Assert.Equal(last.Spec.Dataset, job.Spec.Dataset));
        var choice = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Out, "report.json"))).RootElement.GetProperty("choices")[0];
        Assert.Equal(choice.GetProperty("chosen").GetProperty("learning_rate").GetDouble(), last.Spec.LearningRate);
    }

    [Theory]
    [InlineData("error: --dataset is missing.", "mine")]
    [InlineData("error: 'Mine' must have 1 to 24 of a-z, 0-9 and '-', a letter first", "Mine", "--dataset", "d", "--eval-dataset", "e")]
    [InlineData("error: --modes: there is no variant 'fast'; there are label-only,", "mine", "--dataset", "d", "--eval-dataset", "e", "--modes", "fast")]
    [InlineData("error: --fractions: '0' must be above 0 and at most 1.", "mine", "--dataset", "d", "--eval-dataset", "e", "--fractions", "0")]
    [InlineData("error: --set: a training spec has no field 'speed'.", "mine", "--dataset", "d", "--eval-dataset", "e", "--set", "speed=1")]
    [InlineData("error: --steps: '-3' must not be negative.", "mine", "--dataset", "d", "--eval-dataset", "e", "--steps", "-3")]
    [InlineData("error: --seeds cannot be given beside a plan: it belongs into the file.", "mine.yaml", "--seeds", "1")]
    [InlineData("error: There is no file 'mine.yaml'.", "mine.yaml")]
    public async Task Sweep_OptionThatCannotBeUsed_IsNamed(string expected, params string[] arguments)
    {
        var (code, _, error) = await Distill.RunAsync(["sweep", .. arguments]);

        Assert.Equal(1, code);
        Assert.StartsWith(expected, error, StringComparison.Ordinal);
    }

    private static (int Runs, int Failed, int Cells) Told(string output)
    {
        var told = JsonDocument.Parse(output).RootElement;
        return (told.GetProperty("runs").GetInt32(), told.GetProperty("failed").GetInt32(), told.GetProperty("cells").GetArrayLength());
    }

    private async Task JobReportAsync(string job)
    {
        var html = Path.Combine(_temporary.Path, "job.html");
        var (code, output, error) = await Distill.RunAsync("jobs", "report", job, "--html", html, "--student", Address);
        Assert.Equal((0, ""), (code, error));
        Assert.Matches("\nstudent: [0-9]+ of 12 right", output);
        Assert.Contains(XDocument.Load(html).Descendants("title"), title => title.Value == "Loss by task");
        var (refused, _, said) = await Distill.RunAsync("jobs", "report", job, "--html", _temporary.Path, "--student", Address);
        Assert.Equal((1, $"error: --html: {_temporary.Path} cannot be written: it is a folder.\n"), (refused, said));
    }

    private string[] Arguments() =>
    [
        "sweep", "mine", "--dataset", "train", "--eval-dataset", "test", "--fractions", "1,0.5", "--seeds", "1,2", "--steps", "2", "--set", "warmup_steps=1", "--set", "batch_size=4", "--out", Out, "--student", Address,
    ];

    private async Task UploadAsync(string name, int first, int count)
    {
        using var channel = DistillChannel.To(new Uri(Address));
        var rows = Enumerable.Range(first, count).Select(i => new Contracts.V1.Example
        {
            Id = $"{i}",
            Segments = { $"question {i} of {i % 3}" },
            Label = $"l{i % 2}",
            TeacherLabel = "l1",
            Rationale = $"Because {i} is what it is.",
            Group = $"g{i / 4}",
        });
        await new DatasetClient(channel).UploadAsync(new Contracts.V1.UploadSpec { DisplayName = name }, rows.ToAsyncEnumerable());
    }
}
