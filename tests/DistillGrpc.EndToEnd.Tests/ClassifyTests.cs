using System.Globalization;
using System.Text.Json;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>A model that a job has trained and calibrated, and a Teacher that answers what it is not sure of.</summary>
public sealed class ClassifyTests : IAsyncLifetime
{
    private const int HeldOut = 420;
    private static readonly string[] Colors = ["red", "green", "blue"];
    private static readonly string[] Labels = ["stop", "go", "go on"];
    private readonly RunningPair _pair = new();
    private readonly TemporaryFolder _folder = new();
    private WebApplication? _teacher;

    public async Task InitializeAsync()
    {
        await _pair.InitializeAsync();
        var recorded = Path.Combine(_folder.Path, "recorded.jsonl");
        await File.WriteAllLinesAsync(recorded,
        [
            JsonSerializer.Serialize(new { input = "Ball 1 looks odd.", label = "", llm_label = "Go on", rationale = "It is blue at heart." }),
            JsonSerializer.Serialize(new { input = "Ball 2 looks odd.", label = "", llm_label = "stop", rationale = "It is red at heart." }),
        ]);
        _teacher = TeacherHost.Create(
            ["--Listen=http://127.0.0.1:0", $"--StateDirectory={_folder.Path}/teacher", "--Teachers:gpt:Backend=recorded", $"--Teachers:gpt:Path={recorded}"], builder => builder.Logging.ClearProviders());
        await _teacher.StartAsync();
        await RestartAsync();
    }

    public async Task DisposeAsync()
    {
        await _pair.DisposeAsync();
        await _teacher!.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(TrainingMode.LabelOnly, PrefixPlacement.Encoder)]
    [InlineData(TrainingMode.DistillingStepByStep, PrefixPlacement.Decoder)]
    [InlineData(TrainingMode.RationaleThenLabel, PrefixPlacement.Encoder)]
    public async Task Job_WithEnoughHeldOutRows_CalibratesItsVersion(TrainingMode mode, PrefixPlacement placement)
    {
        var result = await TrainAsync("calibrated", mode, placement, HeldOut);

        var calibration = result.Report.Calibration;
        Assert.Equal("", calibration.Refusal);
        // Twenty of them are learnt from.
        Assert.Equal((HeldOut, 20), (calibration.FittedRows + calibration.ReportRows + calibration.UnusedRows, calibration.UnusedRows));
        Assert.InRange(calibration.ReportRows, 100, 300);
        Assert.InRange(calibration.Temperature, 0.05, 20);
        Assert.True(calibration.After.LogLoss <= calibration.Before.LogLoss + 0.01, $"{calibration}");
        Assert.All(new[] { calibration.Before, calibration.After }, figures => Assert.Equal(calibration.ReportRows, figures.Bins.Sum(bin => bin.Rows)));
        Assert.Equal(1 - calibration.After.Accuracy, calibration.Risks[^1].Risk, 1e-9);
        Assert.Equal(calibration, (await VersionAsync("calibrated")).Calibration);
        Assert.Equal(calibration, Calibration.Parser.ParseJson(await File.ReadAllTextAsync(Path.Combine(_pair.State, "models", "calibrated", "1", "calibration.json"))));

        // What is told of the rows is what is answered to them: a row's probability does not depend on how it was asked.
        var found = await _pair.Inference.ClassifyAsync("models/calibrated", ["Ball 500 has the color blue."]);
        Assert.Equal((calibration.Temperature, true), (found.Temperature, found.Calibrated));
        Assert.Equal(Labels.Order(StringComparer.Ordinal), found.Labels.Select(label => label.Label).Order(StringComparer.Ordinal));
        Assert.Equal(1, found.Labels.Sum(label => label.Probability), 1e-9);
        if (mode != TrainingMode.RationaleThenLabel)
        {
            var plain = await _pair.Inference.ClassifyAsync(new ClassifyRequest { Model = "models/calibrated", Segments = { "Ball 500 has the color blue." }, Temperature = 1 });
            var predicted = (await _pair.Inference.PredictAsync(new PredictRequest { Model = "models/calibrated", Segments = { "Ball 500 has the color blue." }, Candidates = { Labels }, Decoding = new DecodingOptions { NumBeams = 3, NumAnswers = 3, LengthPenalty = 0 } })).Label;
            (string, double)[] written = [(predicted.Text, predicted.LogProbability), .. predicted.Alternatives.Select(other => (other.Text, other.LogProbability))];
            Assert.All(written, answer => Assert.Equal(Math.Exp(answer.Item2), plain.Labels.Single(label => label.Label == answer.Item1).Probability, 1e-5));
        }
    }

    [Fact]
    public async Task Version_ThatMoves_TakesItsCalibrationAlongUnlessItIsDamaged()
    {
        var result = await TrainAsync("first", TrainingMode.LabelOnly, PrefixPlacement.Encoder, HeldOut);
        var few = await TrainAsync("few", TrainingMode.LabelOnly, PrefixPlacement.Encoder, 60);
        var files = Path.Combine(_folder.Path, "files");
        await _pair.Models.DownloadAsync("models/first", files);
        await _pair.Models.UploadAsync("models/second", files);
        await File.WriteAllTextAsync(Path.Combine(files, "calibration.json"), "{");
        await _pair.Models.UploadAsync("models/third", files);

        async Task<ClassifyResponse> AskAsync(string id) => await _pair.Inference.ClassifyAsync($"models/{id}", ["Ball 500 has the color blue."]);
        Assert.Equal((await AskAsync("first")).Labels, (await AskAsync("second")).Labels);
        Assert.Equal(result.Report.Calibration, (await VersionAsync("second")).Calibration);
        Assert.Equal(("calibration.json is damaged", 1, false), ((await VersionAsync("third")).Calibration.Refusal, (await AskAsync("third")).Temperature, (await AskAsync("third")).Calibrated));
        Assert.Equal((0, 1, false), (few.Report.Calibration.Temperature, (await AskAsync("few")).Temperature, (await AskAsync("few")).Calibrated));
        Assert.Matches(@"^there are \d+ held-out rows to fit a temperature to and \d+ to report on, of at least 100 each$", few.Report.Calibration.Refusal);

        var unwritable = await Assert.ThrowsAsync<RpcException>(() => _pair.Inference.ClassifyAsync("models/first", ["x"], ["stop", "日本"]));
        Assert.Equal((StatusCode.InvalidArgument, "labels[1]"), (unwritable.StatusCode, RpcErrors.Field(unwritable)));
    }

    [Fact]
    public async Task Escalate_RowsThatTheTeacherAnswers_AreKeptOverARestartAndLearntFrom()
    {
        await TrainAsync("unsure", TrainingMode.LabelOnly, PrefixPlacement.Encoder, 0);
        await RestartAsync("--KeepEscalated=true");
        async Task<ClassifyResponse> AskAsync(string text) => await _pair.Inference.ClassifyAsync(
            new ClassifyRequest { Model = "models/unsure", Segments = { text }, MinProbability = 1, Escalation = new Escalation { Teacher = "teachers/gpt" } });

        var first = await AskAsync("Ball 1 looks odd.");
        var unknown = await AskAsync("Ball 3 looks odd.");
        await RestartAsync("--KeepEscalated=true");
        var second = await AskAsync("Ball 2 looks odd.");
        await _pair.StopStudentAsync();
        await _pair.StartStudentAsync($"--Teacher={_teacher!.Address()}", "--Engine=cpu");
        var datasets = new DatasetClient(_pair.Channel);
        var dataset = await datasets.CollectEscalationsAsync("models/unsure");
        var rows = await datasets.ReadAsync(dataset.Name).ToListAsync();

        Assert.Equal((AnsweredBy.Teacher, "go on", "It is blue at heart.", true), (first.AnsweredBy, first.Label, first.Rationale, first.Kept));
        Assert.Equal((AnsweredBy.Teacher, "stop", true), (second.AnsweredBy, second.Label, second.Kept));
        Assert.Equal((AnsweredBy.Nobody, "NOT_RECORDED", false), (unknown.AnsweredBy, unknown.EscalationError.Reason, unknown.Kept));
        Assert.Equal("teachers/gpt", first.Provenance.Teacher);
        Assert.Equal(("unsure-escalated", 2), (dataset.DisplayName, dataset.Rows));
        Assert.Equal(["go on", "stop"], rows.Select(row => row.TeacherLabel));
        Assert.All(rows, row => Assert.Equal("teachers/gpt", row.Teaching.Provenance.Teacher));
        var job = await _pair.Training.CreateAsync(new CreateTrainingJobRequest { Spec = new TrainingSpec { ModelId = "unsure", Preset = "micro", Mode = TrainingMode.DistillingStepByStep, Steps = 2, Dataset = dataset.Name } });
        await _pair.Training.WatchAsync(job.Name).ToListAsync();
        Assert.Equal(TrainingJobState.Succeeded, (await _pair.Training.GetAsync(job.Name)).State);
    }

    private async Task RestartAsync(params string[] settings)
    {
        await _pair.StopStudentAsync();
        await _pair.StartStudentAsync([$"--Teacher={_teacher!.Address()}", "--Engine=cpu", "--Int8CheckRows=0", .. settings]);
        var models = Directory.CreateDirectory(Path.Combine(_pair.State, "models"));
        while ((await _pair.Models.ListAsync()).Count(model => model.State == ModelState.Serving) < models.GetDirectories().Length)
        {
            await Task.Delay(20);
        }
    }

    private async Task<ModelVersion> VersionAsync(string id) => Assert.Single((await _pair.Models.GetAsync($"models/{id}")).Versions);

    private async Task<TrainingResult> TrainAsync(string id, TrainingMode mode, PrefixPlacement placement, int heldOut)
    {
        var spec = new TrainingSpec { ModelId = id, Preset = "micro", Mode = mode, PrefixPlacement = placement, Steps = 80, BatchSize = 8, MaxTargetTokens = 32, Seed = 3, Report = new ReportOptions { SkipBaseline = true } };
        // The last twenty rows that are learnt from are among those that are held out.
        await foreach (var happened in _pair.Training.TrainAsync(spec, Rows(0, 80), Rows(heldOut > 60 ? 60 : 80, heldOut)))
        {
            if (happened.Warning is { Reason: not "ROWS_ON_BOTH_SIDES" } warning)
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

    // Some labels are wrong, so that nobody can be certain.
    private static IAsyncEnumerable<Example> Rows(int first, int count) => Enumerable.Range(first, count).Select(i => new Example
    {
        Id = i.ToString(CultureInfo.InvariantCulture),
        Label = Labels[(i + (i % 7 == 0 ? 1 : 0)) % 3],
        Rationale = $"The ball is {Colors[i % 3]}.",
        Segments = { $"Ball {i} has the color {Colors[i % 3]}." },
    }).ToAsyncEnumerable();
}
