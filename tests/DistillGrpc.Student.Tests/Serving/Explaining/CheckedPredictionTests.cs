using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using Grpc.Core;

namespace DistillGrpc.Student.Tests.Serving.Explaining;

/// <summary>Label and rationale asked for together, and whether they agree, over HTTP/2.</summary>
public sealed class CheckedPredictionTests
{
    [Fact]
    public async Task Predict_BothWithTheCheck_SaysAsExplainDoesWhereTheRationaleStatesALabel()
    {
        await using var student = await ExplainedStudent.StartAsync(text => text.StartsWith("[label]", StringComparison.Ordinal) ? "yes" : text.EndsWith("odd", StringComparison.Ordinal) ? "so it is no" : "so it is yes");
        var (agreed, disagreed) = (await student.Client.PredictAsync(Ask("is it?")), await student.Client.PredictAsync(Ask("is it odd")));
        var streamed = await student.Client.StreamPredictAsync(new StreamPredictRequest { Segments = { "is it odd" }, Task = PredictionTask.Both, CheckConsistency = true }).ToListAsync();
        var explained = (await student.ExplainAsync(agreed.Label.Prediction)).Consistency;

        Assert.Equal(new Consistency { Verdict = ConsistencyVerdict.Agrees, LabelGiven = "yes", LabelRead = "yes", Reading = LabelReading.Stated }, agreed.Consistency);
        Assert.Equal(explained, agreed.Consistency);
        Assert.Equal((ConsistencyVerdict.Disagrees, "no"), (disagreed.Consistency.Verdict, disagreed.Consistency.LabelRead));
        Assert.Equal((StreamPredictResponse.EventOneofCase.Consistency, disagreed.Consistency), (streamed[^1].EventCase, streamed[^1].Consistency));
        Assert.Equal(2, streamed.Count(part => part.Answer is not null));
    }

    [Fact]
    public async Task Predict_BothWithTheCheck_ReadsTheRationaleAgainWhereItStatesNone()
    {
        await using var student = await ExplainedStudent.StartAsync(text => text switch
        {
            "[label] it is as dark as coal" => "no",
            _ when text.StartsWith("[label]", StringComparison.Ordinal) => "yes",
            _ => "it is as dark as coal",
        });
        var engine = student.Loaded.Single().Engine;
        engine.Passes.Clear();
        var without = await student.Client.PredictAsync(new PredictRequest { Segments = { "is it?" }, Task = PredictionTask.Both });
        var passes = engine.Passes.Count;
        var rows = await student.Client.BatchPredictAsync(new[] { new BatchPredictRequest { Id = "1", Request = Ask("is it?") } }.ToAsyncEnumerable()).ToListAsync();

        Assert.Equal((null, 2, 5), (without.Consistency, passes, engine.Passes.Count));
        var consistency = Assert.Single(rows).Prediction.Consistency;
        Assert.Equal((ConsistencyVerdict.Disagrees, "yes", "no", LabelReading.Reader), (consistency.Verdict, consistency.LabelGiven, consistency.LabelRead, consistency.Reading));
        Assert.InRange(consistency.Probability, 0.99, 1);
        await ScriptedStudent.UntilAsync(() => engine.LiveSequences + engine.LiveEncodings == 0);
    }

    [Fact]
    public async Task Predict_CheckOfOneText_ComparesWithTheLabelBehindTheRationale()
    {
        await using var student = await ExplainedStudent.StartAsync(_ => "It rains.[label] wet", new ModelCard { Form = PredictionForm.RationaleThenLabel });
        var stopped = Ask("x");
        stopped.Decoding = new DecodingOptions { Stop = { "rains" } };

        Assert.Equal(new Consistency { Verdict = ConsistencyVerdict.Agrees, LabelGiven = "wet", LabelRead = "wet", Reading = LabelReading.Reader }, (await student.Client.PredictAsync(Ask("x"))).Consistency);
        Assert.Equal(ConsistencyVerdict.Unknown, (await student.Client.PredictAsync(stopped)).Consistency.Verdict);
    }

    [Fact]
    public async Task Predict_CheckedAnswerThatWasKept_HasItsVerdictAndOthersHaveNone()
    {
        await using var student = await ExplainedStudent.StartAsync(text => text.StartsWith("[label]", StringComparison.Ordinal) ? "yes" : "so it is yes", null, "--ResponseCacheBytes=100000");
        var first = await student.Client.PredictAsync(Ask("x"));
        var again = await student.Client.PredictAsync(Ask("x"));
        var plain = await student.Client.PredictAsync(new PredictRequest { Segments = { "x" }, Task = PredictionTask.Both });

        Assert.Equal((true, true, first.Consistency), (again.Label.Cached, again.Rationale.Cached, again.Consistency));
        Assert.Equal((false, null), (plain.Label.Cached, plain.Consistency));
        Assert.NotEqual(first.Label.Prediction, again.Label.Prediction);
    }

    [Theory]
    [InlineData(PredictionTask.Label)]
    [InlineData(PredictionTask.Rationale)]
    public async Task Predict_CheckOfOneTaskAlone_IsRefused(PredictionTask task)
    {
        await using var student = await ExplainedStudent.StartAsync(_ => "yes");
        var refused = await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(new PredictRequest { Segments = { "x" }, Task = task, CheckConsistency = true }));

        Assert.Equal((StatusCode.InvalidArgument, "check_consistency"), (refused.StatusCode, RpcErrors.Field(refused)));
    }

    private static PredictRequest Ask(string text) => new() { Segments = { text }, Task = PredictionTask.Both, CheckConsistency = true };
}
