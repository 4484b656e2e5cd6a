using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;
using Grpc.Health.V1;

namespace DistillGrpc.EndToEnd.Tests;

public sealed class PairTests(RunningPair pair) : IClassFixture<RunningPair>
{
    private static readonly string[] Names = ["Mia", "Tom", "Lena", "Omar"];

    [Fact]
    public async Task Train_RowsOfAnExtraction_AreReadWhileTheyArriveAndLearntFrom()
    {
        var extractions = new ExtractionClient(pair.TeacherChannel);
        var name = (await extractions.CreateAsync(new CreateExtractionRequest { Spec = new ExtractionSpec { Rationales = new RationaleSpec() } })).Name;
        await extractions.AppendInputsAsync(name, Rows(20).ToAsyncEnumerable(), complete: false);
        var spec = Spec("extracted", steps: 2);
        spec.Teacher.Extraction = name;

        var training = TrainAsync(spec, Rows(4, first: 18), []);
        await Task.Delay(500);
        Assert.False(training.IsCompleted);
        await extractions.AppendInputsAsync(name, Rows(30, first: 20).Append(new Example { Id = "odd", Segments = { "What is love?" } }).ToAsyncEnumerable(), complete: true);
        var events = await training;

        // Twenty and thirty: the caller's four are among them, and what the teacher cannot solve is not fit to train on.
        Assert.Equal(50, events.Single(e => e.Started is not null).Started.RationaleRows);
        Assert.DoesNotContain(events, e => e.Warning is not null);
        Assert.Equal("models/extracted/versions/1", events.Single(e => e.Result is not null).Result.Model);
    }

    [Fact]
    public async Task Train_ExtractionThatStandsStill_GivesWhatItHasAndSaysSo()
    {
        var extractions = new ExtractionClient(pair.TeacherChannel);
        var name = (await extractions.CreateAsync(new CreateExtractionRequest { Spec = new ExtractionSpec { Rationales = new RationaleSpec() } })).Name;
        await extractions.AppendInputsAsync(name, Rows(10).ToAsyncEnumerable(), complete: false);
        while ((await extractions.GetAsync(name)).Counts.Accepted < 10)
        {
            await Task.Delay(20);
        }

        await extractions.PauseAsync(name);
        await extractions.ResumeAsync(name);
        await extractions.PauseAsync(name);
        var spec = Spec("paused", steps: 2);
        spec.Teacher.Extraction = name;

        var events = await TrainAsync(spec, [], []);
        spec.Teacher.Extraction = "extractions/none";
        var missing = await Assert.ThrowsAsync<RpcException>(() => TrainAsync(spec, Rows(1), []));

        Assert.Equal("EXTRACTION_STANDS_STILL", events.Single(e => e.Warning is not null).Warning.Reason);
        Assert.Equal(10, events.Single(e => e.Started is not null).Started.RationaleRows);
        Assert.Equal((StatusCode.NotFound, "EXTRACTION_NOT_FOUND"), (missing.StatusCode, RpcErrors.Reason(missing)));
    }

    [Fact]
    public async Task Train_RowsWithoutRationales_LearnsFromTheTeacherAndAnswersWithEitherPrefix()
    {
        var spec = Spec("pair", steps: 60);
        spec.Report = new ReportOptions { SkipBaseline = true };
        var events = await TrainAsync(spec, Rows(64), Rows(8, first: 64));

        Assert.Equal(Enumerable.Range(1, events.Count).Select(i => (long)i), events.Select(e => e.Sequence));
        var teaching = events.Last(e => e.Teaching is not null).Teaching;
        Assert.Equal((64, 64, 64), (teaching.Rows, teaching.TotalRows, teaching.ParsedRows));
        var started = events.Single(e => e.Started is not null).Started;
        Assert.Equal((64, 64, 8), (started.LabelRows, started.RationaleRows, started.EvaluationRows));
        var progress = events.Where(e => e.Progress is { Phase: TrainingPhase.Unspecified }).Select(e => e.Progress).ToArray();
        Assert.Equal(60, progress[^1].Step);
        Assert.Equal(0, progress[^1].Remaining.ToTimeSpan().TotalSeconds, 3);
        Assert.True(progress[^1].RationaleLoss is > 0 and < 8);
        Assert.Equal(8, events.Single(e => e.Evaluation is not null).Evaluation.Examples);
        var result = events.Single(e => e.Result is not null).Result;
        Assert.Equal(("models/pair/versions/1", 60, 64), (result.Model, result.Steps, result.TeacherRows));
        Assert.Equal(started.Flops, result.Flops, started.Flops * 1e-9);

        // Nobody can have a call's job go on: what it would need for that is gone, and what it learnt from is a dataset.
        var job = (await pair.Models.GetAsync("models/pair")).Versions[0].Lineage.Job;
        Assert.Equal(["dataset"], Directory.GetFileSystemEntries(Path.Combine(pair.State, "jobs", job.Split('/')[1])).Select(Path.GetFileName));

        var both = await pair.Inference.PredictAsync(Ask("models/pair", PredictionTask.Both));
        Assert.Equal((PredictionTask.Label, PredictionTask.Rationale), (both.Label.Task, both.Rationale.Task));
        var parts = await pair.Inference.StreamPredictAsync(new StreamPredictRequest { Model = "models/pair", Segments = { Problem(0) }, Task = PredictionTask.Both }).ToListAsync();
        Assert.Equal([PredictionTask.Label, PredictionTask.Rationale], parts.Where(p => p.Answer is not null).Select(p => p.Answer.Task));
        foreach (var answer in new[] { both.Label, both.Rationale })
        {
            Assert.Equal(answer.Text, string.Concat(parts.Where(p => p.Delta?.Task == answer.Task).Select(p => p.Delta.Text)));
            Assert.True(answer.Usage.OutputTokens > 0 && answer.Timings.Decode.ToTimeSpan() > TimeSpan.Zero);
        }

        var label = await pair.Inference.PredictAsync(Ask("models/pair", PredictionTask.Unspecified));
        Assert.Null(label.Rationale);
        Assert.Equal(both.Label.Text, label.Label.Text);
    }

    [Fact]
    public async Task Train_SameSeedAndRows_MakesTheSameStudent()
    {
        await TrainAsync(Spec("seed-a", steps: 10), Rows(32), []);
        await TrainAsync(Spec("seed-b", steps: 10), Rows(32), []);

        byte[] Weights(string id) => File.ReadAllBytes(Path.Combine(pair.State, "models", id, "1", "model.safetensors"));
        Assert.Equal(Weights("seed-a"), Weights("seed-b"));
    }

    [Fact]
    public async Task Train_LabelOnlyWithAComputeBudget_GoesOnToItAndIsEvaluatedTwice()
    {
        var spec = Spec("budget", steps: 10);
        spec.Mode = TrainingMode.LabelOnly;
        var plain = await TrainAsync(spec, Rows(32), Rows(4, first: 32));
        var flops = plain.Single(e => e.Started is not null).Started.Flops;
        Assert.DoesNotContain(plain, e => e.Teaching is not null);

        spec.ComputeBudgetFlops = flops * 2.5;
        var events = await TrainAsync(spec, Rows(32), Rows(4, first: 32));

        Assert.Equal([10, 25], events.Where(e => e.Evaluation is not null).Select(e => e.Evaluation.Step));
        Assert.InRange(events.Single(e => e.Result is not null).Result.Flops, flops * 2.3, flops * 2.6);
    }

    [Fact]
    public async Task Train_Cancelled_LeavesNothingBehind()
    {
        using var stop = new CancellationTokenSource();
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await foreach (var response in pair.Training.TrainAsync(Spec("cancelled", steps: 100_000), Rows(32).ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>(), stop.Token))
            {
                if (response.Progress is not null)
                {
                    await stop.CancelAsync();
                }
            }
        });

        Assert.True(failure is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled }, $"{failure}");
        await TrainAsync(Spec("after-cancel", steps: 1), Rows(32), []);
        Assert.DoesNotContain(await pair.Models.ListAsync(), model => model.Name == "models/cancelled");
        Assert.False(Directory.Exists(Path.Combine(pair.State, "models", "cancelled")));
    }

    [Theory]
    [InlineData("Bad_Id", "micro", "", "spec.model_id")]
    [InlineData("ok", "giant", "", "spec.preset")]
    [InlineData("ok", "micro", " ", "example.segments")]
    public async Task Train_BadInput_IsRefusedNamingTheField(string id, string preset, string segment, string field)
    {
        var spec = Spec(id, steps: 1);
        spec.Preset = preset;
        var row = new Example { Id = "1", Label = "x" };
        row.Segments.Add(segment.Length > 0 ? segment : "text");

        var failure = await Assert.ThrowsAsync<RpcException>(() => TrainAsync(spec, [row], []));

        Assert.Equal((StatusCode.InvalidArgument, field), (failure.StatusCode, RpcErrors.Field(failure)));
    }

    [Fact]
    public async Task Train_RateThatDiverges_IsAbortedAndMakesNoModel()
    {
        var spec = Spec("diverged", steps: 200);
        (spec.Mode, spec.LearningRate, spec.Optimizer, spec.ClipNorm) = (TrainingMode.LabelOnly, 10, Optimizer.Adafactor, 1e30);

        var failure = await Assert.ThrowsAsync<RpcException>(() => TrainAsync(spec, Rows(32), []));

        Assert.Equal((StatusCode.Aborted, "TRAINING_DIVERGED"), (failure.StatusCode, RpcErrors.Reason(failure)));
        Assert.DoesNotContain(await pair.Models.ListAsync(), model => model.Name == "models/diverged");
    }

    [Theory]
    [InlineData(double.NaN, "spec.learning_rate")]
    [InlineData(-1, "spec.learning_rate")]
    [InlineData(1e9, "spec.learning_rate")]
    public async Task Train_AbsurdRate_IsRefusedNamingTheField(double rate, string field)
    {
        var spec = Spec("absurd", steps: 1);
        spec.LearningRate = rate;

        var failure = await Assert.ThrowsAsync<RpcException>(() => TrainAsync(spec, Rows(4), []));

        Assert.Equal((StatusCode.InvalidArgument, field), (failure.StatusCode, RpcErrors.Field(failure)));
    }

    [Fact]
    public async Task Predict_UnknownModelAndEmptyInput_AreRefused()
    {
        var unknown = await Assert.ThrowsAsync<RpcException>(() => pair.Inference.PredictAsync(Ask("models/none", PredictionTask.Label)));
        Assert.Equal((StatusCode.NotFound, "MODEL_NOT_FOUND"), (unknown.StatusCode, RpcErrors.Reason(unknown)));

        await TrainAsync(Spec("empty", steps: 1), Rows(32), []);
        var empty = await Assert.ThrowsAsync<RpcException>(() => pair.Inference.PredictAsync(new PredictRequest { Model = "models/empty" }));
        Assert.Equal((StatusCode.InvalidArgument, "segments"), (empty.StatusCode, RpcErrors.Field(empty)));
    }

    [Fact]
    public async Task BatchPredict_GoodAndBadInputs_AnswersEachById()
    {
        await TrainAsync(Spec("batch", steps: 1), Rows(32), []);
        var requests = Enumerable.Range(0, 40).Select(i => new BatchPredictRequest { Id = $"{i}", Request = i == 7 ? new PredictRequest { Model = "models/batch" } : Ask("models/batch", PredictionTask.Label, 4) });

        var responses = await pair.Inference.BatchPredictAsync(requests.ToAsyncEnumerable()).ToDictionaryAsync(response => response.Id);

        Assert.Equal(40, responses.Count);
        Assert.Equal("segments", responses["7"].Error.Field);
        Assert.Equal(39, responses.Values.Count(response => response.Prediction is not null));
    }

    [Fact]
    public async Task Restart_ModelsThatWereTrained_AreServedAgain()
    {
        var own = new RunningPair();
        await own.InitializeAsync();
        await Drain(own.Training.TrainAsync(Spec("kept", steps: 2), Rows(32).ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>()));
        var before = await own.Inference.PredictAsync(Ask("models/kept", PredictionTask.Label, 8));
        await own.StopStudentAsync();
        await own.StartStudentAsync();
        var watch = new Health.HealthClient(own.Channel).Watch(new HealthCheckRequest());
        while (await watch.ResponseStream.MoveNext(CancellationToken.None) && watch.ResponseStream.Current.Status != HealthCheckResponse.Types.ServingStatus.Serving)
        {
        }

        Assert.Equal(before.Label.Text, (await own.Inference.PredictAsync(Ask("", PredictionTask.Label, 8))).Label.Text);
        var lacking = await Assert.ThrowsAsync<RpcException>(() => Drain(own.Training.TrainAsync(Spec("none", steps: 1), Rows(4).ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>())));
        Assert.Equal("NO_TEACHER", RpcErrors.Reason(lacking));
        await own.StopStudentAsync();

        await own.StartStudentAsync("--Teacher=http://127.0.0.1:9");
        var away = await Assert.ThrowsAsync<RpcException>(() => Drain(own.Training.TrainAsync(Spec("none", steps: 1), Rows(4).ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>())));
        Assert.Equal((StatusCode.Unavailable, "TEACHER_UNAVAILABLE"), (away.StatusCode, RpcErrors.Reason(away)));
        Assert.NotNull(RpcErrors.RetryDelay(away));
        await own.DisposeAsync();
    }

    private static TrainingSpec Spec(string id, int steps) => new() { ModelId = id, Preset = "micro", Steps = steps, Teacher = new TeacherSource(), Seed = 5 };

    private static PredictRequest Ask(string model, PredictionTask task, int maxTokens = 0) => new() { Model = model, Task = task, MaxOutputTokens = maxTokens, Segments = { Problem(0) } };

    private static string Problem(int i) =>
        $"{Names[i % 4]} has {20 + i} apples. {Names[(i + 1) % 4]} has {11 + i} apples. {Names[i % 4]} loses {2 + (i % 9)} apples. How many apples does {Names[i % 4]} have now?";

    private static Example[] Rows(int count, int first = 0) => [.. Enumerable.Range(first, count).Select(i =>
        new Example { Id = $"{i}", Label = $"{20 + i} - {2 + (i % 9)}", Segments = { Problem(i) } })];

    private async Task<List<TrainingEvent>> TrainAsync(TrainingSpec spec, Example[] rows, Example[] heldOut) =>
        await pair.Training.TrainAsync(spec, rows.ToAsyncEnumerable(), heldOut.ToAsyncEnumerable()).ToListAsync();

    private static async Task Drain(IAsyncEnumerable<TrainingEvent> events)
    {
        await foreach (var _ in events)
        {
        }
    }
}
