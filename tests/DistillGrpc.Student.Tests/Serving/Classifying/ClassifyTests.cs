using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using Grpc.Core;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Serving.Classifying;

/// <summary>Labels that are weighed, over HTTP/2.</summary>
public sealed class ClassifyTests
{
    private static readonly ModelCard Card = new() { Labels = ["no", "yes"] };

    // What the scripted engine gives the next byte of its answer at a choice of two, by temperature.
    private static double Sure(double temperature = 1) => 1 / (1 + Math.Exp(-10 / temperature));

    [Fact]
    public async Task Classify_LabelsThatBeginOthersAndComeTwice_GivesEachOnceAsPredictDoes()
    {
        await using var student = await StartAsync(_ => "yes");
        string[] labels = ["no", "yes", "yesterday", "yes", "y"];

        var found = await student.Client.ClassifyAsync(Request("is it?", labels));
        var predicted = (await student.Client.PredictAsync(new PredictRequest { Segments = { "is it?" }, Candidates = { labels }, Decoding = new DecodingOptions { NumBeams = 4, NumAnswers = 4, LengthPenalty = 0 } })).Label;

        var (sure, not) = (Sure(), 1 - Sure());
        Assert.Equal(["yes", "no", "y", "yesterday"], found.Labels.Select(label => label.Label));
        Assert.All(found.Labels.Zip([sure * sure * sure, not, sure * not, sure * sure * not]), pair => Assert.Equal(pair.Second, pair.First.Probability, 1e-9));
        Assert.Equal(1, found.Labels.Sum(label => label.Probability), 1e-12);
        Assert.Equal(("yes", AnsweredBy.Student, "models/scripted/versions/1"), (found.Label, found.AnsweredBy, found.Model));
        Assert.Equal((1, false, 15, 0), (found.Temperature, found.Calibrated, found.Usage.InputTokens, found.Usage.OutputTokens));
        Assert.All(new[] { found.Timings.Queue, found.Timings.Tokenize, found.Timings.Encode, found.Timings.Decode }, Assert.NotNull);
        (string, double)[] written = [(predicted.Text, predicted.LogProbability), .. predicted.Alternatives.Select(other => (other.Text, other.LogProbability))];
        Assert.Equal(4, written.Length);
        Assert.All(written, answer => Assert.Equal(Math.Exp(answer.Item2), found.Labels.Single(label => label.Label == answer.Item1).Probability, 1e-6));
        await student.IdleAsync();
    }

    [Fact]
    public async Task Classify_NoLabelsNamed_WeighsTheModelsOwn()
    {
        await using var student = await StartAsync(_ => "no", Card);
        var own = await student.Client.ClassifyAsync("models/scripted", ["is it?"]);
        var best = await student.Client.ClassifyAsync(new ClassifyRequest { Segments = { "is it?" }, TopK = 1 });
        var one = await student.Client.ClassifyAsync("", ["is it?"], ["maybe"]);

        Assert.Equal(["no", "yes"], own.Labels.Select(label => label.Label));
        Assert.Equal(own.Labels[0], Assert.Single(best.Labels));
        Assert.Equal(("maybe", 1.0), (one.Label, Assert.Single(one.Labels).Probability));
        await student.IdleAsync();
    }

    [Fact]
    public async Task Classify_NoLabelsAtAll_IsRefused()
    {
        await using var student = await StartAsync(_ => "no");
        var refused = await Assert.ThrowsAsync<RpcException>(() => student.Client.ClassifyAsync(Request("x")));

        Assert.Equal((StatusCode.FailedPrecondition, "NO_LABELS"), (refused.StatusCode, RpcErrors.Reason(refused)));
        await student.IdleAsync();
    }

    [Fact]
    public async Task Classify_CalibratedVersion_UsesItsTemperatureAndSaysWhereThatHolds()
    {
        await using var student = await StartAsync(new ScriptedEngine(_ => "yes"), Card, new Calibration { Temperature = 5 });
        var own = await student.Client.ClassifyAsync(Request("x"));
        var named = await student.Client.ClassifyAsync(Request("x", "yes", "no"));
        var others = await student.Client.ClassifyAsync(Request("x", "yes", "never"));
        var asked = await student.Client.ClassifyAsync(new ClassifyRequest { Segments = { "x" }, Temperature = 2 });

        Assert.Equal([(5, true), (5, true), (5, false), (2, false)], new[] { own, named, others, asked }.Select(found => (found.Temperature, found.Calibrated)));
        Assert.Equal(Sure(5), own.Labels[0].Probability, 1e-9);
        Assert.Equal(Sure(2), asked.Labels[0].Probability, 1e-9);
    }

    [Fact]
    public async Task Classify_VersionWhoseCalibrationWasRefused_IsNotCalibrated()
    {
        await using var student = await StartAsync(new ScriptedEngine(_ => "yes"), Card, new Calibration { Refusal = "too few rows" });
        var found = await student.Client.ClassifyAsync(Request("x"));

        Assert.Equal((1, false), (found.Temperature, found.Calibrated));
    }

    [Fact]
    public async Task Classify_LessThanTheLeastProbability_AbstainsWithTheProbabilities()
    {
        await using var student = await StartAsync(_ => "yes", Card);
        var sure = await student.Client.ClassifyAsync("", ["x"], minProbability: Sure() - 1e-9);
        var unsure = await student.Client.ClassifyAsync("", ["x"], minProbability: Sure() + 1e-9);

        Assert.Equal((AnsweredBy.Student, "yes"), (sure.AnsweredBy, sure.Label));
        Assert.Equal((AnsweredBy.Nobody, "", null), (unsure.AnsweredBy, unsure.Label, unsure.EscalationError));
        Assert.Equal(sure.Labels, unsure.Labels);
    }

    [Fact]
    public async Task Classify_ModelThatWritesOneText_WeighsBehindItsRationale()
    {
        await using var student = await StartAsync(_ => "It rains.[label] yes", Card with { Form = PredictionForm.RationaleThenLabel });
        var found = await student.Client.ClassifyAsync(Request("x"));

        Assert.Equal("yes", found.Label);
        Assert.Equal(Sure(), found.Labels[0].Probability, 1e-9);
        Assert.InRange(found.Usage.OutputTokens, "It rains.[label] ".Length, "It rains.[label] yes".Length + 1);
        Assert.Single(student.Engine.Passes);
        await student.IdleAsync();
    }

    [Fact]
    public async Task Classify_ModelThatReadsARationale_IsGivenIt()
    {
        await using var student = await StartAsync(text => text.Contains("wet", StringComparison.Ordinal) ? "yes" : "no", Card with { Form = PredictionForm.LabelFromRationale });
        var found = await student.Client.ClassifyAsync(new ClassifyRequest { Segments = { "x" }, GivenRationale = "It is wet." });
        var missing = await Assert.ThrowsAsync<RpcException>(() => student.Client.ClassifyAsync(Request("x")));

        Assert.Equal("yes", found.Label);
        Assert.Equal("NO_TEACHER", RpcErrors.Reason(missing));
    }

    [Fact]
    public async Task Classify_ThousandsOfLabelsBesidesOthers_KeepsToItsRowsAndChangesNoAnswer()
    {
        await using var student = await StartAsync(text => new string(text[^1], 3 + (text[^1] % 20)), null, "--MaxLabelRows=16");
        var random = new Random(3);
        string[] labels = [.. Enumerable.Range(0, 5000).Select(_ => string.Concat(Enumerable.Range(0, 6).Select(_ => (char)('a' + random.Next(26)))))];
        var alone = await student.Client.ClassifyAsync(Request("z", labels));
        Assert.InRange(student.Engine.Rows.Max(), 2, 16);
        Assert.Equal(labels.Distinct().Count(), alone.Labels.Count);
        Assert.Equal(1, alone.Labels.Sum(label => label.Probability), 1e-9);

        var together = student.Client.ClassifyAsync(Request("z", labels));
        var predicted = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => student.Client.PredictAsync(Ask($"{(char)('a' + (i % 26))}"))));

        Assert.Equal(alone.Labels, (await together).Labels);
        Assert.All(predicted.Index(), answer => Assert.Equal(new string((char)('a' + (answer.Index % 26)), 3 + (('a' + (answer.Index % 26)) % 20)), answer.Item.Label.Text));
        await student.IdleAsync();
    }

    [Fact]
    public async Task BatchClassify_Rows_AreAnsweredByTheirIdsAndWaitWhereOthersWouldBeRefused()
    {
        await using var student = await StartAsync(text => text.EndsWith('?') ? "yes" : "no", Card, "--MaxQueue=2");
        var requests = Enumerable.Range(0, 150).Select(i => new BatchClassifyRequest { Id = $"{i}", Request = Request(i % 2 == 0 ? $"{i}?" : $"{i}") }).ToArray();
        requests[7].Request.Labels.Add(" ");
        requests[8].Request = null;
        var single = await student.Client.ClassifyAsync(requests[0].Request);
        var found = await student.Client.BatchClassifyAsync(requests.ToAsyncEnumerable()).ToDictionaryAsync(answer => int.Parse(answer.Id));

        Assert.Equal(150, found.Count);
        Assert.Equal(single.Labels, found[0].Classification.Labels);
        Assert.Equal([7, 8], found.Where(answer => answer.Value.Error is not null).Select(answer => answer.Key).Order());
        Assert.Equal(["labels[0]", "segments"], new[] { 7, 8 }.Select(i => found[i].Error.Field));
        Assert.All(found.Where(answer => answer.Value.Error is null), answer => Assert.Equal(answer.Key % 2 == 0 ? "yes" : "no", answer.Value.Classification.Label));
        await student.IdleAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Classify_CallerThatGoes_LeavesNothingBehind(bool byDeadline)
    {
        await using var student = await StartAsync(_ => "yes");
        await student.Client.ClassifyAsync(Request("x", "yes", "no"));
        using var stop = new CancellationTokenSource();
        var steps = 0;
        student.Engine.OnStep = _ =>
        {
            if (Interlocked.Increment(ref steps) == 3 && !byDeadline)
            {
                stop.Cancel();
            }

            Thread.Sleep(200);
        };
        // Some 35 steps.
        string[] labels = [.. Enumerable.Range(0, 10_000).Select(i => $"{i:00000}")];

        var failure = await Assert.ThrowsAsync<RpcException>(() => student.Client.ClassifyAsync(Request("x", labels), byDeadline ? DateTime.UtcNow.AddSeconds(2) : null, stop.Token));

        Assert.Equal(byDeadline ? StatusCode.DeadlineExceeded : StatusCode.Cancelled, failure.StatusCode);
        await student.IdleAsync();
        // A deadline may pass before the first.
        Assert.InRange(steps, byDeadline ? 0 : 3, 15);
        student.Engine.OnStep = null;
        Assert.Equal("yes", (await student.Client.ClassifyAsync(Request("x", "yes", "no"))).Label);
    }

    [Fact]
    public async Task Classify_LogitsThatAreNoNumbers_EndTheModelAndNotTheProcess()
    {
        await using var student = await StartAsync(new ScriptedEngine(_ => "yes") { IsBroken = text => text.Contains("broken", StringComparison.Ordinal) }, Card);
        var failure = await Assert.ThrowsAsync<RpcException>(() => student.Client.ClassifyAsync(Request("broken")));

        Assert.Equal((StatusCode.FailedPrecondition, "MODEL_FAILED"), (failure.StatusCode, RpcErrors.Reason(failure)));
        await UntilAsync(() => student.Engine.IsDisposed);
        Assert.Equal(0, student.Engine.LiveSequences);
    }

    [Fact]
    public async Task Classify_FieldOutOfRange_IsRefusedNamingItAndCostsNothing()
    {
        await using var student = await StartAsync(_ => "yes", Card, "--MaxLabels=100");
        (string Field, ClassifyRequest Request)[] refused =
        [
            ("segments", new()),
            ("segments", new() { Segments = { "x", " " } }),
            ("segments", new() { Segments = { new string('x', 2_000_000) } }),
            ("labels", Request("x", [.. Enumerable.Range(0, 101).Select(i => $"{i}")])),
            ("labels[1]", Request("x", "yes", " \t")),
            ("labels[0]", Request("x", new string('x', 1001))),
            ("top_k", new() { Segments = { "x" }, TopK = -1 }),
            ("min_probability", new() { Segments = { "x" }, MinProbability = double.NaN }),
            ("min_probability", new() { Segments = { "x" }, MinProbability = 1.1 }),
            ("min_probability", new() { Segments = { "x" }, MinProbability = -0.1 }),
            ("temperature", new() { Segments = { "x" }, Temperature = 0 }),
            ("temperature", new() { Segments = { "x" }, Temperature = double.NaN }),
            ("temperature", new() { Segments = { "x" }, Temperature = double.PositiveInfinity }),
            ("escalation", new() { Segments = { "x" }, Escalation = new Escalation() }),
            ("escalation.prompt", new() { Segments = { "x" }, MinProbability = 0.5, Escalation = new Escalation { Prompt = "prompts/p" } }),
            ("model", new() { Model = "scripted", Segments = { "x" } }),
        ];
        foreach (var (field, request) in refused)
        {
            var failure = await Assert.ThrowsAsync<RpcException>(() => student.Client.ClassifyAsync(request));
            Assert.Equal((StatusCode.InvalidArgument, field), (failure.StatusCode, RpcErrors.Field(failure)));
        }

        var given = await Assert.ThrowsAsync<RpcException>(() => student.Client.ClassifyAsync(new ClassifyRequest { Segments = { "x" }, GivenRationale = "so" }));
        Assert.Equal("NO_GIVEN_RATIONALE", RpcErrors.Reason(given));
        Assert.Empty(student.Engine.Passes);
    }

    private static ClassifyRequest Request(string text, params string[] labels) => new() { Segments = { text }, Labels = { labels } };
}
