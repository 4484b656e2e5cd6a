using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.EndToEnd.Tests.Modes;

/// <summary>What a job would be, without one.</summary>
public sealed class ValidationTests(RunningPair pair) : IClassFixture<RunningPair>
{
    [Fact]
    public async Task Create_ValidateOnly_SaysWhatWouldBeLearntAndCreatesNothing()
    {
        var rows = FeelingRows.Training();
        rows[0].Rationale = string.Join(' ', Enumerable.Repeat("because", 400));
        foreach (var row in rows.Take(4))
        {
            row.TeacherLabel = row.Label = "";
        }

        var spec = await SpecAsync(rows, [.. FeelingRows.HeldOut(), new Example(FeelingRows.Training()[10]) { Label = "odd" }]);

        var found = await pair.Training.ValidateAsync(spec);

        Assert.Equal((63, 59, 63, 4, 28), (found.Rows, found.LabelRows, found.RationaleRows, found.RowsToTeach, found.EvaluationRows));
        Assert.Equal(3, found.DistinctLabels);
        Assert.Equal(59, found.Labels.Sum(label => label.Rows));
        Assert.Equal((0, 1), (found.TruncatedInputs, found.TruncatedTargets));
        Assert.InRange(found.RationaleTargets.Median, 3, 12);
        Assert.InRange(found.RationaleTargets.Longest, 400, 500);
        Assert.InRange(found.LabelTargets.Longest, 2, 6);
        Assert.Equal(["ROWS_ON_BOTH_SIDES", "UNKNOWN_LABELS"], found.Warnings.Select(warning => warning.Reason).Order());
        Assert.Contains("1 of 28", found.Warnings.Single(warning => warning.Reason == "ROWS_ON_BOTH_SIDES").Message, StringComparison.Ordinal);
        Assert.Empty(await pair.Training.ListAsync().ToListAsync());

        var (started, took) = await TrainAsync(spec);
        Assert.Equal((started.Parameters, started.VocabularySize), (found.Parameters, found.VocabularySize));
        Assert.Equal(started.Flops, found.Flops, started.Flops * 1e-9);
        Assert.InRange(found.MemoryBytes, found.Parameters * 8, 2_000_000_000);
        // What it would take is what it takes. A machine that has not kept its pace is asked again.
        for (var tries = 1; tries < 3 && (found.Time.ToTimeSpan() / took) is < 0.1 or > 10; tries++)
        {
            (found, (_, took)) = (await pair.Training.ValidateAsync(spec), await TrainAsync(spec));
        }

        Assert.InRange(found.Time.ToTimeSpan() / took, 0.1, 10);
    }

    [Fact]
    public async Task Create_ValidateOnlyOfWhatCannotBeLearnt_NamesTheField()
    {
        var spec = await SpecAsync([.. FeelingRows.Training().Select(row => new Example(row) { Label = "" })], FeelingRows.HeldOut());
        spec.LabelSource = LabelSource.Gold;

        var refused = await Assert.ThrowsAsync<RpcException>(() => pair.Training.ValidateAsync(spec));

        Assert.Equal((StatusCode.InvalidArgument, "example.label"), (refused.StatusCode, RpcErrors.Field(refused)));
    }

    private async Task<(TrainingStarted Started, TimeSpan Took)> TrainAsync(TrainingSpec spec)
    {
        var events = await pair.Training.WatchAsync((await pair.Training.CreateAsync(new CreateTrainingJobRequest { Spec = spec })).Name).ToListAsync();
        return (events.Single(e => e.Started is not null).Started, events.Single(e => e.Result is not null).Result.TrainTime.ToTimeSpan());
    }

    private async Task<TrainingSpec> SpecAsync(IEnumerable<Example> rows, IEnumerable<Example> heldOut)
    {
        var datasets = new DatasetClient(pair.Channel);
        return new TrainingSpec
        {
            ModelId = "valid",
            Preset = "micro",
            Steps = 20,
            Teacher = new TeacherSource(),
            Report = new ReportOptions { SkipBaseline = true },
            Dataset = (await datasets.UploadAsync(new UploadSpec(), rows.ToAsyncEnumerable())).Dataset.Name,
            EvaluationDataset = (await datasets.UploadAsync(new UploadSpec(), heldOut.ToAsyncEnumerable())).Dataset.Name,
        };
    }
}
