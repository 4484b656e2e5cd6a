using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>Training jobs on a Student that runs one at a time, from the rows of an extraction.</summary>
public sealed class TrainingJobTests : IAsyncLifetime
{
    private const int Endless = 1_000_000;
    private readonly RunningPair _pair = new();
    private string _extraction = "";

    private TrainingClient Jobs => _pair.Training;

    public async Task InitializeAsync()
    {
        await _pair.InitializeAsync();
        await _pair.StopStudentAsync();
        await _pair.StartStudentAsync($"--Teacher={_pair.TeacherAddress}", "--MaxRuns=1", "--MaxQueuedJobs=4");
        var extractions = new ExtractionClient(_pair.TeacherChannel);
        _extraction = (await extractions.CreateAsync(new CreateExtractionRequest { Spec = new ExtractionSpec { Rationales = new RationaleSpec() } })).Name;
        var rows = Enumerable.Range(20, 40).Select(i => new Example { Id = $"{i}", Label = $"{i} - 3", Segments = { $"Mia has {i} apples. Mia loses 3 apples. How many apples does Mia have now?" } });
        await extractions.AppendInputsAsync(_extraction, rows.ToAsyncEnumerable(), complete: true);
    }

    public Task DisposeAsync() => _pair.DisposeAsync();

    [Fact]
    public async Task Create_Watched_TellsEveryEventOnceAndMakesAVersionWithItsLineage()
    {
        var job = await Jobs.CreateAsync(Request("made", steps: 30));
        Assert.Equal(TrainingJobState.Queued, job.State);

        var events = await Jobs.WatchAsync(job.Name).ToListAsync();

        Assert.Equal(Enumerable.Range(1, events.Count).Select(i => (long)i), events.Select(e => e.Sequence));
        Assert.Equal([TrainingJobState.Queued, TrainingJobState.Running, TrainingJobState.Succeeded], events.Where(e => e.State is not null).Select(e => e.State.State));
        Assert.All(events.Zip(events.Skip(1)), pair => Assert.True(pair.First.Time.ToDateTimeOffset() <= pair.Second.Time.ToDateTimeOffset()));
        Assert.Equal(events.Skip(4), await Jobs.WatchAsync(job.Name, after: 4).ToListAsync());
        var ended = await Jobs.GetAsync(job.Name);
        Assert.Equal((TrainingJobState.Succeeded, "models/made/versions/1", 30, 0), (ended.State, ended.Result.Model, ended.Progress.Step, ended.Resumptions));
        Assert.Equal((long)events.Count, ended.LastSequence);
        var version = Assert.Single((await _pair.Models.GetAsync("models/made")).Versions);
        Assert.Equal((job.Name, 40L, 30, "micro"), (version.Lineage.Job, version.Lineage.Rows, version.Lineage.Steps, version.Lineage.Preset));
        Assert.Equal(ended.Dataset, version.Lineage.Dataset);
        Assert.StartsWith("datasets/", ended.Dataset, StringComparison.Ordinal);
        Assert.Equal("models/made/versions/1", (await _pair.Inference.PredictAsync(new PredictRequest { Model = "models/made", Segments = { "Mia has 20 apples." }, MaxOutputTokens = 2 })).Model);
    }

    [Fact]
    public async Task Create_SameRequestTwice_MakesOneJobAndAnotherSpecIsRefused()
    {
        var request = Request("once", steps: 1);
        request.RequestId = "nightly-7";

        var (first, second) = (await Jobs.CreateAsync(request), await Jobs.CreateAsync(request));
        request.Spec.Steps = 2;
        var other = await Assert.ThrowsAsync<RpcException>(() => Jobs.CreateAsync(request));
        await Jobs.WatchAsync(first.Name).ToListAsync();
        request.Spec.Steps = 1;
        var later = await Jobs.CreateAsync(request);

        Assert.Equal((first.Name, first.Name), (second.Name, later.Name));
        Assert.Equal((StatusCode.AlreadyExists, "REQUEST_ID_REUSED"), (other.StatusCode, RpcErrors.Reason(other)));
        Assert.Single(await Jobs.ListAsync().ToListAsync());
    }

    [Fact]
    public async Task Pause_InTheMiddle_GoesOnFromItsCheckpointToTheSameStudent()
    {
        await Jobs.WatchAsync((await Jobs.CreateAsync(Request("whole", steps: 120, dropout: 0.1))).Name).ToListAsync();
        var job = await Jobs.CreateAsync(Request("parted", steps: 120, dropout: 0.1));
        await ReachAsync(job.Name, e => e.Progress?.Step >= 20);

        var paused = await Jobs.PauseAsync(job.Name);
        Assert.Equal(TrainingJobState.Paused, paused.State);
        await Task.Delay(300);
        Assert.Equal(paused.LastSequence, (await Jobs.GetAsync(job.Name)).LastSequence);
        await _pair.StopStudentAsync();
        await _pair.StartStudentAsync($"--Teacher={_pair.TeacherAddress}", "--MaxRuns=1");
        Assert.Equal(TrainingJobState.Paused, (await Jobs.GetAsync(job.Name)).State);
        await Jobs.ResumeAsync(job.Name);
        var events = await Jobs.WatchAsync(job.Name).ToListAsync();

        var checkpoint = events.Single(e => e.Checkpoint is not null).Checkpoint;
        Assert.InRange(checkpoint.Step, 20, 119);
        Assert.Equal([0, checkpoint.Step], events.Where(e => e.Started is not null).Select(e => e.Started.StepsMade));
        Assert.Equal((TrainingJobState.Succeeded, 1), ((await Jobs.GetAsync(job.Name)).State, (await Jobs.GetAsync(job.Name)).Resumptions));
        Assert.Equal(Weights("whole"), Weights("parted"));
    }

    [Fact]
    public async Task Queue_OneAtATime_RunsTheMostUrgentFirstAndRefusesMoreThanItHolds()
    {
        var running = await Jobs.CreateAsync(Request("running", Endless));
        await ReachAsync(running.Name, e => e.Started is not null);
        var (low, high) = (await Jobs.CreateAsync(Request("low", 1)), await Jobs.CreateAsync(Request("high", 1, priority: 5)));
        var (held, last) = (await Jobs.CreateAsync(Request("held", 1, priority: 9)), await Jobs.CreateAsync(Request("last", 1, priority: -1)));
        var full = await Assert.ThrowsAsync<RpcException>(() => Jobs.CreateAsync(Request("more", 1)));
        Assert.Equal(TrainingJobState.Paused, (await Jobs.PauseAsync(held.Name)).State);
        var same = await Assert.ThrowsAsync<RpcException>(() => Jobs.CreateAsync(Request("held", 2)));

        Assert.Equal(TrainingJobState.Cancelled, (await Jobs.CancelAsync(running.Name)).State);
        foreach (var job in new[] { low, high, last })
        {
            await Jobs.WatchAsync(job.Name).ToListAsync();
        }

        Assert.Equal((StatusCode.ResourceExhausted, "TOO_MANY_JOBS"), (full.StatusCode, RpcErrors.Reason(full)));
        Assert.Equal((StatusCode.AlreadyExists, "RUN_EXISTS"), (same.StatusCode, RpcErrors.Reason(same)));
        var all = await Jobs.ListAsync().ToListAsync();
        Assert.Equal([last.Name, held.Name, high.Name, low.Name, running.Name], all.Select(job => job.Name));
        Assert.Equal([high.Name, low.Name, last.Name], all.Where(job => job.State == TrainingJobState.Succeeded).OrderBy(job => job.StartTime.ToDateTimeOffset()).Select(job => job.Name));
        Assert.Null(all.Single(job => job.Name == held.Name).StartTime);
    }

    [Fact]
    public async Task Cancel_Running_StopsItForGoodAndDeleteRemovesItButNotItsModel()
    {
        var done = await Jobs.CreateAsync(Request("kept", 1));
        await Jobs.WatchAsync(done.Name).ToListAsync();
        var job = await Jobs.CreateAsync(Request("stopped", Endless));
        await ReachAsync(job.Name, e => e.Progress is not null);
        var running = await Assert.ThrowsAsync<RpcException>(() => Jobs.DeleteAsync(job.Name));

        var cancelled = await Jobs.CancelAsync(job.Name);
        var resumed = await Assert.ThrowsAsync<RpcException>(() => Jobs.ResumeAsync(job.Name));
        await Jobs.DeleteAsync(job.Name);
        await Jobs.DeleteAsync(done.Name);
        var gone = await Assert.ThrowsAsync<RpcException>(() => Jobs.GetAsync(job.Name));

        Assert.Equal((StatusCode.FailedPrecondition, "JOB_STATE"), (running.StatusCode, RpcErrors.Reason(running)));
        Assert.Equal(TrainingJobState.Cancelled, cancelled.State);
        Assert.Equal((StatusCode.FailedPrecondition, "JOB_STATE"), (resumed.StatusCode, RpcErrors.Reason(resumed)));
        Assert.Equal((StatusCode.NotFound, "JOB_NOT_FOUND"), (gone.StatusCode, RpcErrors.Reason(gone)));
        Assert.Empty(Directory.GetDirectories(Path.Combine(_pair.State, "jobs")));
        Assert.Equal(["models/kept"], (await _pair.Models.ListAsync()).Select(model => model.Name));
    }

    [Fact]
    public async Task Run_CheckpointThatIsDamaged_GoesOnFromTheOneBeforeAndSaysSo()
    {
        var request = Request("damaged", steps: 90);
        request.Spec.CheckpointInterval = 10;
        await Jobs.WatchAsync((await Jobs.CreateAsync(Request("sound", steps: 90))).Name).ToListAsync();
        var job = await Jobs.CreateAsync(request);
        await ReachAsync(job.Name, e => e.Checkpoint?.Step >= 20);
        await Jobs.PauseAsync(job.Name);
        var checkpoints = Directory.GetDirectories(Path.Combine(_pair.State, "jobs", job.Name.Split('/')[1], "checkpoints")).Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(2, checkpoints.Length);
        var file = Path.Combine(checkpoints[^1], "parameters.safetensors");
        var bytes = await File.ReadAllBytesAsync(file);
        bytes[^5] ^= 1;
        await File.WriteAllBytesAsync(file, bytes);

        await Jobs.ResumeAsync(job.Name);
        var events = await Jobs.WatchAsync(job.Name).ToListAsync();

        Assert.Equal("CHECKPOINT_DAMAGED", events.Single(e => e.Warning is not null).Warning.Reason);
        Assert.Equal(int.Parse(Path.GetFileName(checkpoints[0])[5..], System.Globalization.CultureInfo.InvariantCulture), events.Last(e => e.Started is not null).Started.StepsMade);
        Assert.Equal(Weights("sound"), Weights("damaged"));
    }

    [Fact]
    public async Task Run_LossThatIsNotFinite_GoesBackToTheCheckpointTwiceAndThenFailsAndSaysWhy()
    {
        var request = Request("diverging", steps: 400);
        // Warmed up slowly, so that there is a checkpoint before it is too much.
        (request.Spec.LearningRate, request.Spec.WarmupSteps, request.Spec.ClipNorm, request.Spec.CheckpointInterval, request.Spec.Optimizer) = (10, 400, 1e30, 1, Optimizer.Adafactor);
        var job = await Jobs.CreateAsync(request);

        var events = await Jobs.WatchAsync(job.Name).ToListAsync();

        var ended = await Jobs.GetAsync(job.Name);
        Assert.Equal((TrainingJobState.Failed, (int)StatusCode.Aborted, "TRAINING_DIVERGED"), (ended.State, ended.Code, ended.Reason));
        Assert.Equal(["ROLLED_BACK", "ROLLED_BACK"], events.Where(e => e.Warning is not null).Select(e => e.Warning.Reason));
        Assert.Contains("0.25 of the learning rate", events.Last(e => e.Warning is not null).Warning.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(await _pair.Models.ListAsync(), model => model.Name == "models/diverging");
    }

    [Fact]
    public async Task Run_FromADatasetThatLacksNothing_LearnsFromThatOneAndMakesNoOther()
    {
        var datasets = new DatasetClient(_pair.Channel);
        var rows = Enumerable.Range(0, 8).Select(i => new Example { Id = $"{i}", Label = $"{i}", Rationale = $"It says {i}.", Segments = { $"Mia has {i} apples." } });
        var name = (await datasets.UploadAsync(new UploadSpec(), rows.ToAsyncEnumerable())).Dataset.Name;
        var request = Request("plain", steps: 1, 0, null, "");
        request.Spec.Dataset = name;

        var job = await Jobs.CreateAsync(request);
        await Jobs.WatchAsync(job.Name).ToListAsync();

        Assert.Equal(name, (await Jobs.GetAsync(job.Name)).Dataset);
        Assert.Equal(DatasetOrigin.SourceOneofCase.Upload, Assert.Single(await datasets.ListAsync().ToListAsync()).Origin.SourceCase);
    }

    [Fact]
    public async Task Run_EvaluationsThatAreNoBetter_StopsEarlyWithTheStudentThatWasBest()
    {
        var heldOut = new[] { new Example { Id = "never", Label = "what it never says", Segments = { "Mia has 20 apples." } } };
        var dataset = (await new DatasetClient(_pair.Channel).UploadAsync(new UploadSpec(), heldOut.ToAsyncEnumerable())).Dataset.Name;
        var request = Request("early", steps: 400);
        (request.Spec.EvaluationDataset, request.Spec.EvaluationInterval, request.Spec.EarlyStoppingPatience) = (dataset, 10, 2);
        request.Spec.Report = new ReportOptions { SkipBaseline = true };

        var job = await Jobs.CreateAsync(request);
        var events = await Jobs.WatchAsync(job.Name).ToListAsync();

        Assert.Equal([10, 20, 30], events.Where(e => e.Evaluation is not null).Select(e => e.Evaluation.Step));
        Assert.Equal(30, events.Single(e => e.Result is not null).Result.Steps);
        var best = Path.Combine(_pair.State, "jobs", job.Name.Split('/')[1], "checkpoints", "best");
        Assert.Contains("\"best_step\":\"10\"", File.ReadAllText(Path.Combine(best, "state.json")).Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(Path.Combine(best, "parameters.safetensors")), Weights("early"));
    }

    public static TheoryData<string, CreateTrainingJobRequest> Bad => new()
    {
        { "spec", new() },
        { "training_job_id", new() { TrainingJobId = "No", Spec = Request("x", 1, 0, null, "extractions/x").Spec } },
        { "request_id", new() { RequestId = new string('x', 201), Spec = Request("x", 1, 0, null, "extractions/x").Spec } },
        { "priority", new() { Priority = 1001, Spec = Request("x", 1, 0, null, "extractions/x").Spec } },
        { "spec.dataset", new() { Spec = new() { ModelId = "x", Preset = "micro" } } },
        { "spec.model_id", new() { Spec = new() { ModelId = "../x", Preset = "micro" } } },
        { "spec.alias", new() { Spec = new() { ModelId = "x", Alias = "A", Preset = "micro" } } },
        { "spec.checkpoint_interval", new() { Spec = new() { ModelId = "x", Preset = "micro", CheckpointInterval = -1 } } },
        { "spec.early_stopping_patience", new() { Spec = new() { ModelId = "x", Preset = "micro", EarlyStoppingPatience = 1 } } },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task Create_BadRequest_IsRefusedNamingTheField(string field, CreateTrainingJobRequest request)
    {
        var failure = await Assert.ThrowsAsync<RpcException>(() => Jobs.CreateAsync(request));

        Assert.Equal((StatusCode.InvalidArgument, field), (failure.StatusCode, RpcErrors.Field(failure)));
        Assert.Empty(await Jobs.ListAsync().ToListAsync());
    }

    private static CreateTrainingJobRequest Request(string model, int steps, int priority, double? dropout, string extraction)
    {
        var spec = new TrainingSpec { ModelId = model, Preset = "micro", Steps = steps, BatchSize = 4, Seed = 3, Teacher = new TeacherSource { Extraction = extraction } };
        if (dropout is { } share)
        {
            spec.Dropout = share;
        }

        return new CreateTrainingJobRequest { Spec = spec, Priority = priority };
    }

    private CreateTrainingJobRequest Request(string model, int steps, int priority = 0, double? dropout = null) => Request(model, steps, priority, dropout, _extraction);

    private byte[] Weights(string id) => File.ReadAllBytes(Path.Combine(_pair.State, "models", id, "1", "model.safetensors"));

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
