using DistillGrpc.Contracts.V1;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>A version is compared in int8 with float32 before it is put into its place, and answers in int8 where that is as good.</summary>
public sealed class Int8CheckTests : IAsyncLifetime
{
    private const int HeldOut = 200;
    private static readonly string[] Colors = ["red", "green", "blue"];
    private static readonly string[] Labels = ["stop", "go", "wait"];
    private readonly RunningPair _pair = new();
    private readonly TemporaryFolder _folder = new();

    public async Task InitializeAsync()
    {
        await _pair.InitializeAsync();
        await RestartAsync();
    }

    public async Task DisposeAsync()
    {
        await _pair.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(TrainingMode.LabelOnly)]
    [InlineData(TrainingMode.DistillingStepByStep)]
    [InlineData(TrainingMode.RationaleThenLabel)]
    public async Task Job_WithEnoughHeldOutRows_EndsWithACheckThatItsVersionIsServedBy(TrainingMode mode)
    {
        var result = await TrainAsync("checked", mode, HeldOut);

        var version = await VersionAsync("checked");
        var check = version.Int8Check;
        Assert.Equal((HeldOut, mode == TrainingMode.LabelOnly), (check.Rows, check.LacksRationales));
        Assert.InRange(check.EqualLabels, 1, HeldOut);
        Assert.Equal(mode == TrainingMode.LabelOnly ? 0 : HeldOut, check.RationaleRows);
        Assert.True(mode == TrainingMode.LabelOnly || Math.Abs(check.Int8RationaleLoss / check.Float32RationaleLoss - 1) is > 0 and < 0.2, $"{check}");
        Assert.Equal(check, result.Report.Int8Check);
        Assert.Equal(check, Int8Check.Parser.ParseJson(await File.ReadAllTextAsync(Path.Combine(_pair.State, "models", "checked", "1", "int8-check.json"))));
        Assert.StartsWith(check.Passed ? "cpu int8" : "cpu float32", version.Engine, StringComparison.Ordinal);
        Assert.Equal((check.Refusal, check.Passed), (version.Int8Refusal, check.Refusal.Length == 0));
        Assert.NotNull((await _pair.Inference.PredictAsync(new PredictRequest { Model = "models/checked", Segments = { "The ball is red." } })).Label);
    }

    [Fact]
    public async Task Version_WithOrWithoutARecordThatPassed_IsServedByItUnlessTheOperatorInsists()
    {
        await TrainAsync("few", TrainingMode.LabelOnly, heldOut: 20);
        var few = await VersionAsync("few");
        Assert.Equal((20, "cpu float32", "labels were compared on 20 rows, of at least 200"), (few.Int8Check.Rows, few.Engine, few.Int8Refusal));

        // A folder brings its record, which is of these weights.
        var files = Path.Combine(_folder.Path, "files");
        await _pair.Models.DownloadAsync("models/few", files);
        var record = Path.Combine(files, "int8-check.json");
        await File.WriteAllTextAsync(record, $$"""{ "rows": 300, "equalLabels": 300, "lacksRationales": true, "weights": "{{few.Int8Check.Weights}}" }""");
        var passed = (await _pair.Models.UploadAsync("models/passed", files)).Model.Versions[0];
        await File.WriteAllTextAsync(record, "{");
        var damaged = (await _pair.Models.UploadAsync("models/damaged", files)).Model.Versions[0];
        File.Delete(record);
        var bare = (await _pair.Models.UploadAsync("models/bare", files)).Model.Versions[0];
        Assert.Equal((true, ""), (passed.Int8Check.Passed, passed.Int8Refusal));
        Assert.StartsWith("cpu int8 ", passed.Engine, StringComparison.Ordinal);
        Assert.Equal(("cpu float32", "int8-check.json is damaged"), (damaged.Engine, damaged.Int8Refusal));
        Assert.Equal(("cpu float32", "it was not compared with float32", null), (bare.Engine, bare.Int8Refusal, bare.Int8Check));

        await RestartAsync("--Precision=float32");
        Assert.Equal(("cpu float32", "the setting Precision is float32"), ((await VersionAsync("passed")).Engine, (await VersionAsync("passed")).Int8Refusal));
        await RestartAsync("--Precision=int8", "--Int8CheckRows=0");
        Assert.Equal(("", false), ((await VersionAsync("few")).Int8Refusal, (await VersionAsync("few")).Int8Check.Passed));
        Assert.StartsWith("cpu int8 ", (await VersionAsync("few")).Engine, StringComparison.Ordinal);

        // Switched off, there is no record, and nothing else is missing.
        var without = await TrainAsync("unchecked", TrainingMode.LabelOnly, heldOut: 20);
        Assert.Null(without.Report.Int8Check);
        Assert.Null((await VersionAsync("unchecked")).Int8Check);
        await _pair.Models.DeleteAliasAsync("models/few", "stable");
        Assert.Equal(("", "", 20), ((await VersionAsync("few")).Engine, (await VersionAsync("few")).Int8Refusal, (await VersionAsync("few")).Int8Check.Rows));
    }

    // On a machine with a GPU too.
    private async Task RestartAsync(params string[] settings)
    {
        await _pair.StopStudentAsync();
        await _pair.StartStudentAsync(["--Engine=cpu", .. settings]);
        var models = Directory.CreateDirectory(Path.Combine(_pair.State, "models"));
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while ((await _pair.Models.ListAsync(patience.Token)).Count(model => model.State == ModelState.Serving) < models.GetDirectories().Length)
        {
            await Task.Delay(20, patience.Token);
        }
    }

    private async Task<ModelVersion> VersionAsync(string id) => Assert.Single((await _pair.Models.GetAsync($"models/{id}")).Versions);

    private async Task<TrainingResult> TrainAsync(string id, TrainingMode mode, int heldOut)
    {
        var spec = new TrainingSpec { ModelId = id, Preset = "micro", Mode = mode, Steps = 60, BatchSize = 8, MaxTargetTokens = 32, Seed = 3, Report = new ReportOptions { SkipBaseline = true } };
        await foreach (var happened in _pair.Training.TrainAsync(spec, Rows(0, 60), Rows(60, heldOut)))
        {
            if (happened.Warning is { } warning)
            {
                Assert.Fail(warning.Message);
            }

            if (happened.Result is { } result)
            {
                return result;
            }
        }

        throw new InvalidOperationException("The job has not ended.");
    }

    private static IAsyncEnumerable<Example> Rows(int first, int count) => Enumerable.Range(first, count).Select(i => new Example
    {
        Id = $"{i}",
        Label = Labels[i % 3],
        Rationale = $"The ball is {Colors[i % 3]}.",
        Segments = { $"Ball {i} has the color {Colors[i % 3]}." },
    }).ToAsyncEnumerable();
}
