using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>What a job finds out about its student when it has learnt.</summary>
public sealed class TrainingReportTests : IAsyncLifetime
{
    private static readonly string[] Colors = ["red", "green", "blue"];
    private static readonly string[] Labels = ["stop", "go", "not go"];
    private readonly RunningPair _pair = new();

    private TrainingClient Jobs => _pair.Training;

    public Task InitializeAsync() => _pair.InitializeAsync();

    public Task DisposeAsync() => _pair.DisposeAsync();

    [Fact]
    public async Task Report_StepByStepWithHeldOutRows_TellsWhatTheStudentIsWorthAndHowItExplains()
    {
        var (rows, heldOut) = (await UploadAsync(_pair.Channel, Rows(0, 60)), await UploadAsync(_pair.Channel, Rows(60, 24)));
        var request = Request("told", rows, heldOut, steps: 250);
        request.Spec.Report = new ReportOptions { Simulatability = true, Samples = 4 };

        var job = await Jobs.CreateAsync(request);
        var events = await Jobs.WatchAsync(job.Name).ToListAsync();

        var ended = await Jobs.GetAsync(job.Name);
        var report = ended.Result.Report;
        Assert.Empty(events.Where(e => e.Warning is not null).Select(e => e.Warning.Message));
        Assert.Equal([TrainingPhase.Unspecified, TrainingPhase.Baseline, TrainingPhase.Answers, TrainingPhase.Reader, TrainingPhase.Int8], events.Where(e => e.Progress is not null).Select(e => e.Progress.Phase).Distinct());
        Assert.Equal((250, TrainingPhase.Unspecified), (ended.Progress.Step, ended.Progress.Phase));
        Assert.Single(events, e => e.Started is not null);

        // The student, as it was evaluated when it had learnt, and by class.
        Assert.Equal([TrainingPhase.Unspecified, TrainingPhase.Baseline], events.Where(e => e.Evaluation is not null).Select(e => e.Evaluation.Phase));
        Assert.Equal((ended.Evaluation, ended.Result.Steps), (report.Evaluation, report.Evaluation.Step));
        Assert.Equal([("go", 8), ("not go", 8), ("stop", 8)], report.Evaluation.Classes.Select(found => (found.Label, found.Examples)));
        Assert.Equal((24, report.Evaluation.Correct), (report.Evaluation.Confusion.Sum(cell => cell.Count), report.Evaluation.Confusion.Where(cell => cell.Label == cell.Predicted).Sum(cell => cell.Count)));
        Assert.Equal((24, 8), (report.Evaluation.Examples, report.Evaluation.MajorityCorrect));
        Assert.True(report.Evaluation.Correct >= 20, $"{report.Evaluation}");

        // The teacher is wrong about every sixth row.
        Assert.Equal((24, 20), (report.TeacherExamples, report.TeacherCorrect));
        Assert.Equal(["60", "61", "62", "63"], report.Samples.Select(sample => sample.Example.Id));
        Assert.All(report.Samples, sample => Assert.StartsWith("The ball is", sample.Rationale, StringComparison.Ordinal));

        // Rationales name the label; without it the color tells it.
        var agreement = report.Faithfulness.Rationale;
        Assert.Null(report.Faithfulness.RationaleOfLabel);
        Assert.Equal(24, agreement.Examples);
        Assert.True(agreement.Stating >= 20 && agreement.StatingGiven >= 16 && agreement.StatingGiven <= agreement.Stating, $"{agreement}");
        Assert.True(agreement.ReadBack >= 16 && agreement.MajorityReadBack is >= 8 and < 16, $"{agreement}");

        Assert.Equal((job.Spec, rows, heldOut, 1), (report.Record.Spec, report.Record.Dataset, report.Record.EvaluationDataset, report.Record.Threads));
        Assert.Equal(["abc"], report.Record.PromptHashes);
        Assert.Equal(["gpt"], report.Record.TeacherModels);
        Assert.Contains("processor", report.Record.Software.Keys);

        // With the model goes what was counted, without rows; with a list goes neither.
        var beside = TrainingReport.Parser.ParseJson(await File.ReadAllTextAsync(Path.Combine(_pair.State, "models", "told", "1", "report.json")));
        Assert.Equal((report.Evaluation, report.Baseline, 0), (beside.Evaluation, beside.Baseline, beside.Samples.Count));
        var listed = Assert.Single(await Jobs.ListAsync().ToListAsync());
        Assert.Null(listed.Result.Report);
        Assert.Equal((report.Evaluation.Correct, 0), (listed.Evaluation.Correct, listed.Evaluation.Confusion.Count));
        Assert.Equal(report.Evaluation.Correct, Assert.Single((await _pair.Models.GetAsync("models/told")).Versions).Lineage.EvaluationCorrect);
    }

    [Fact]
    public async Task Baseline_OfARun_IsTheStudentThatLearnsTheLabelsAlone()
    {
        var (rows, heldOut) = (await UploadAsync(_pair.Channel, Rows(0, 40)), await UploadAsync(_pair.Channel, Rows(40, 12)));
        var (compared, alone) = (Request("compared", rows, heldOut, steps: 30), Request("alone", rows, heldOut, steps: 30));
        (compared.Spec.Dropout, alone.Spec.Dropout, compared.Spec.Alpha, alone.Spec.Mode) = (0.1, 0.1, 0.3, TrainingMode.LabelOnly);

        var (first, second) = (await ResultAsync(compared), await ResultAsync(alone));

        Assert.Null(second.Report.Baseline);
        Assert.Null(second.Report.Faithfulness);
        Assert.Equal("", second.Report.Samples[0].Rationale);
        var expected = second.Report.Evaluation.Clone();
        expected.Phase = TrainingPhase.Baseline;
        Assert.Equal(expected, first.Report.Baseline);
        Assert.True(first.Report.Baseline.Flops < first.Report.Evaluation.Flops);
    }

    [Fact]
    public async Task Baseline_ThatFails_IsLeftOutWithAWarningAndTheStudentIsServed()
    {
        var (rows, heldOut) = (await UploadAsync(_pair.Channel, Rows(0, 20)), await UploadAsync(_pair.Channel, Rows(20, 4)));
        var request = Request("alone", rows, heldOut, steps: 40);
        request.TrainingJobId = "failing";
        // What is found out about it is written into a file of this name.
        Directory.CreateDirectory(Path.Combine(_pair.State, "jobs", "failing", "baseline"));

        var job = await Jobs.CreateAsync(request);
        var events = await Jobs.WatchAsync(job.Name).ToListAsync();

        var ended = await Jobs.GetAsync(job.Name);
        Assert.Equal("BASELINE_FAILED", Assert.Single(events, e => e.Warning is not null).Warning.Reason);
        Assert.Equal((TrainingJobState.Succeeded, 4), (ended.State, ended.Result.Report.Evaluation.Examples));
        Assert.Null(ended.Result.Report.Baseline);
        Assert.NotNull((await _pair.Inference.PredictAsync(new PredictRequest { Model = "models/alone", Segments = { "Ball 1" }, MaxOutputTokens = 2 })).Label);
    }

    [Fact]
    public async Task Pause_DuringTheBaseline_GoesOnThereAndCancelMakesNoModel()
    {
        var (rows, heldOut) = (await UploadAsync(_pair.Channel, Rows(0, 20)), await UploadAsync(_pair.Channel, Rows(20, 4)));
        var job = await Jobs.CreateAsync(Request("paused", rows, heldOut, steps: 160));
        await ReachAsync(job.Name, e => e.Progress?.Phase == TrainingPhase.Baseline);

        var paused = await Jobs.PauseAsync(job.Name);
        await Jobs.ResumeAsync(job.Name);
        var events = await Jobs.WatchAsync(job.Name).ToListAsync();
        var cancelled = await Jobs.CreateAsync(Request("cancelled", rows, heldOut, steps: 160));
        await ReachAsync(cancelled.Name, e => e.Progress?.Phase == TrainingPhase.Baseline);
        var stopped = await Jobs.CancelAsync(cancelled.Name);

        Assert.Equal((TrainingJobState.Paused, TrainingPhase.Baseline), (paused.State, paused.Progress.Phase));
        Assert.Single(events, e => e.Started is not null);
        Assert.Equal(TrainingJobState.Succeeded, (await Jobs.GetAsync(job.Name)).State);
        Assert.Equal(160, (await Jobs.GetAsync(job.Name)).Result.Report.Baseline.Step);
        Assert.Equal(TrainingJobState.Cancelled, stopped.State);
        Assert.Equal(["models/paused"], (await _pair.Models.ListAsync()).Select(model => model.Name));
    }

    [Theory]
    [InlineData(TrainingPhase.Baseline)]
    [InlineData(TrainingPhase.Reader)]
    public async Task Sigkill_WhenTheStudentHasLearnt_GoesOnThereWithoutLearningAnythingAgain(TrainingPhase killed)
    {
        const int steps = 110, until = 40, interval = 10;
        using var state = new TemporaryFolder();
        string rows, heldOut;
        long last = 0;
        using (var student = await ServiceProcess.StudentAsync($"--StateDirectory={state.Path}"))
        {
            using var channel = DistillChannel.To(student.Address);
            (rows, heldOut) = (await UploadAsync(channel, Rows(0, 20)), await UploadAsync(channel, Rows(20, 4)));
            await new TrainingClient(channel).CreateAsync(Job("killed"));
            await foreach (var happened in new TrainingClient(channel).WatchAsync("trainingJobs/killed"))
            {
                last = happened.Sequence;
                if (happened.Progress is { Step: >= until } at && at.Phase == killed)
                {
                    student.Kill();
                    break;
                }
            }
        }

        using (var student = await ServiceProcess.StudentAsync($"--StateDirectory={state.Path}"))
        {
            using var channel = DistillChannel.To(student.Address);
            var client = new TrainingClient(channel);
            var after = await client.WatchAsync("trainingJobs/killed", last).ToListAsync();
            await client.CreateAsync(Job("whole"));
            await client.WatchAsync("trainingJobs/whole").ToListAsync();

            var (resumed, whole) = (await client.GetAsync("trainingJobs/killed"), await client.GetAsync("trainingJobs/whole"));
            Assert.Equal((TrainingJobState.Succeeded, 1), (resumed.State, resumed.Resumptions));
            Assert.DoesNotContain(after, e => e.Started is not null);
            var progress = after.Where(e => e.Progress is not null).Select(e => e.Progress).ToArray();
            Assert.DoesNotContain(progress, at => at.Phase == TrainingPhase.Unspecified || (at.Phase == TrainingPhase.Baseline && killed != TrainingPhase.Baseline));
            Assert.True(progress.First(at => at.Phase == killed).Step > until - interval, $"{progress[0]}");
            Assert.NotNull(whole.Result.Report.Baseline);
            Assert.Equal(whole.Result.Report.Baseline, resumed.Result.Report.Baseline);
            Assert.Equal(whole.Result.Report.Faithfulness, resumed.Result.Report.Faithfulness);
            Assert.Equal((steps, whole.Result.Report.Evaluation), (resumed.Result.Steps, resumed.Result.Report.Evaluation));
            Assert.Equal(Weights("whole"), Weights("killed"));
        }

        byte[] Weights(string id) => File.ReadAllBytes(Path.Combine(state.Path, "models", id, "1", "model.safetensors"));

        CreateTrainingJobRequest Job(string id)
        {
            var request = Request(id, rows, heldOut, steps);
            (request.TrainingJobId, request.Spec.CheckpointInterval, request.Spec.Dropout) = (id, interval, 0.1);
            request.Spec.Report = new ReportOptions { Simulatability = killed == TrainingPhase.Reader };
            return request;
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1001)]
    public async Task Create_AbsurdNumberOfSamples_IsRefusedNamingTheField(int samples)
    {
        var request = Request("absurd", "datasets/none", "", steps: 1);
        request.Spec.Report = new ReportOptions { Samples = samples };

        var failure = await Assert.ThrowsAsync<RpcException>(() => Jobs.CreateAsync(request));

        Assert.Equal((StatusCode.InvalidArgument, "spec.report.samples"), (failure.StatusCode, RpcErrors.Field(failure)));
    }

    private static CreateTrainingJobRequest Request(string model, string rows, string heldOut, int steps) =>
        new() { Spec = new TrainingSpec { ModelId = model, Preset = "micro", Steps = steps, BatchSize = 8, Seed = 3, Dataset = rows, EvaluationDataset = heldOut } };

    private static IAsyncEnumerable<Example> Rows(int first, int count) => Enumerable.Range(first, count).Select(i => new Example
    {
        Id = $"{i}",
        Label = Labels[i % 3],
        TeacherLabel = Labels[i % 6 == 5 ? 0 : i % 3],
        Rationale = $"The ball is {Colors[i % 3]}. So it says {Labels[i % 3]}.",
        // Of many lengths, so that they are answered in another order.
        Segments = { $"{string.Concat(Enumerable.Repeat("Here, ", i * 7 % 5))}ball {i} has the color {Colors[i % 3]}." },
        Teaching = new Teaching { Provenance = new Provenance { Model = "gpt", PromptHash = "abc" } },
    }).ToAsyncEnumerable();

    private static async Task<string> UploadAsync(ChannelBase channel, IAsyncEnumerable<Example> rows) => (await new DatasetClient(channel).UploadAsync(new UploadSpec(), rows)).Dataset.Name;

    private async Task<TrainingResult> ResultAsync(CreateTrainingJobRequest request)
    {
        var job = await Jobs.CreateAsync(request);
        await Jobs.WatchAsync(job.Name).ToListAsync();
        return (await Jobs.GetAsync(job.Name)).Result;
    }

    private async Task ReachAsync(string job, Func<TrainingEvent, bool> isReached)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await foreach (var happened in Jobs.WatchAsync(job, cancellationToken: patience.Token))
        {
            if (isReached(happened))
            {
                return;
            }
        }
    }
}
