using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Tests.Serving;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Operating;

/// <summary>Answers that are kept, over HTTP/2; the model answers how often it was asked.</summary>
public sealed class ResponseCacheTests
{
    private static readonly Dictionary<string, int> Aliases = new() { ["stable"] = 1 };

    [Fact]
    public async Task Predict_TheSameRequestAgain_IsTheSameAnswerAndCostsNothing()
    {
        await using var student = await StartAsync();
        var first = await student.Client.PredictAsync(Ask("is it?", PredictionTask.Both));
        student.Engine(1).OnEncode = student.Engine(1).OnStep = _ => throw new InvalidOperationException("It was asked.");
        var again = await student.Client.PredictAsync(new PredictRequest { Model = "models/x@stable", RoutingKey = "anna", Segments = { "is it?" }, Task = PredictionTask.Both });
        var streamed = await student.Client.StreamPredictAsync(AskStream("is it?", PredictionTask.Both)).ToListAsync();

        Assert.Equal((false, true, true), (first.Label.Cached, again.Label.Cached, again.Rationale.Cached));
        Assert.Equal((first.Label.Text, first.Label.Usage, first.Model, first.Label.FinishReason), (again.Label.Text, again.Label.Usage, again.Model, again.Label.FinishReason));
        Assert.Equal(first.Rationale.Text, again.Rationale.Text);
        Assert.Equal((TimeSpan.Zero, TimeSpan.Zero), (again.Label.Timings.Queue.ToTimeSpan(), again.Label.Timings.Decode.ToTimeSpan()));
        Assert.Equal(
            [$"label: {first.Label.Text}", "answer", $"rationale: {first.Rationale.Text}", "answer"],
            streamed.Select(part => part.Delta is { } delta ? $"{delta.Task}: {delta.Text}".ToLowerInvariant() : "answer"));
        Assert.All(streamed.Where(part => part.Answer is not null), part => Assert.True(part.Answer.Cached));
    }

    [Fact]
    public async Task StreamPredict_ThenPredictAndBatch_ShareWhatIsKept()
    {
        await using var student = await StartAsync();
        var streamed = await student.Client.StreamPredictAsync(AskStream("is it?")).ToListAsync();
        var again = await student.Client.PredictAsync(Ask("is it?"));
        var batch = await student.Client.BatchPredictAsync(new[] { new BatchPredictRequest { Id = "1", Request = Ask("is it?") } }.ToAsyncEnumerable()).SingleAsync();

        Assert.Equal((streamed[^1].Answer.Text, true), (again.Label.Text, again.Label.Cached));
        Assert.Equal((streamed[^1].Answer.Text, true), (batch.Prediction.Label.Text, batch.Prediction.Label.Cached));
    }

    [Fact]
    public async Task Predict_AnotherRequest_IsNotAnsweredFromWhatIsKept()
    {
        await using var student = await StartAsync();
        PredictRequest[] requests =
        [
            Ask("is it?"), Ask("is it"), Ask("is it?", PredictionTask.Rationale), new() { Segments = { "is", "it?" } }, new() { Segments = { "is it?" }, MaxOutputTokens = 9 },
            new() { Segments = { "is it?" }, TopLogProbabilities = 1 }, new() { Segments = { "is it?" }, Decoding = new DecodingOptions { NumBeams = 2 } },
            new() { Segments = { "is it?" }, Decoding = new DecodingOptions { Temperature = 1, Seed = 1 } }, new() { Segments = { "is it?" }, Decoding = new DecodingOptions { Temperature = 1, Seed = 2 } },
            new() { Segments = { "is it?" }, Candidates = { "yes", "no" } }, new() { Segments = { "is it?" }, Candidates = { "no", "yes" } },
        ];
        foreach (var request in requests)
        {
            Assert.False(Of(await student.Client.PredictAsync(request)).Cached, $"{request}");
        }

        foreach (var request in requests)
        {
            Assert.True(Of(await student.Client.PredictAsync(request)).Cached, $"{request}");
        }

        static TaskAnswer Of(PredictResponse response) => response.Label ?? response.Rationale;
    }

    [Fact]
    public async Task Predict_SamplesWithoutASeed_AreDrawnEachTime()
    {
        await using var student = await StartAsync();
        foreach (var request in new[]
        {
            new PredictRequest { Segments = { "x" }, Decoding = new DecodingOptions { Temperature = 1 } },
            new PredictRequest { Segments = { "x" }, Task = PredictionTask.Both, RationaleDecoding = new DecodingOptions { Temperature = 1 } },
        })
        {
            Assert.False((await student.Client.PredictAsync(request)).Label.Cached);
            Assert.False((await student.Client.PredictAsync(request)).Label.Cached);
        }
    }

    [Fact]
    public async Task Predict_AfterASwapOrALoadAnew_IsAnsweredByWhatIsThereNow()
    {
        var loads = 0;
        await using var student = await VersionedStudent.StartAsync(version => new ScriptedEngine(_ => $"{version} {Interlocked.Increment(ref loads)}"), Aliases, settings: "--ResponseCacheBytes=100000");
        var first = (await student.Client.PredictAsync(Ask("x"))).Label;
        await student.Models.SetAliasAsync("models/x/versions/2", "stable");
        var second = (await student.Client.PredictAsync(Ask("x"))).Label;
        await student.Models.SetAliasAsync("models/x/versions/1", "stable");
        var back = (await student.Client.PredictAsync(Ask("x"))).Label;

        Assert.Equal(("models/x/versions/1", "models/x/versions/2", "models/x/versions/1"), (first.Model, second.Model, back.Model));
        Assert.Equal((false, false, false), (first.Cached, second.Cached, back.Cached));
        Assert.NotEqual(first.Text, back.Text);
    }

    [Fact]
    public async Task Predict_RequestsThatFail_AreNotKept()
    {
        await using var student = await StartAsync();
        student.Engine(1).OnStep = _ => throw new InvalidOperationException("broken");
        await Assert.ThrowsAsync<Grpc.Core.RpcException>(() => student.Client.PredictAsync(Ask("x")));
        student.Engine(1).OnStep = null;

        Assert.False((await student.Client.PredictAsync(Ask("x"))).Label.Cached);
        Assert.True((await student.Client.PredictAsync(Ask("x"))).Label.Cached);
    }

    [Fact]
    public async Task GetCapacity_SaysWhatIsKeptAndItStaysWithinItsRoom()
    {
        await using var student = await StartAsync("--ResponseCacheBytes=2000");
        var admin = new AdminClient(student.Channel);
        Assert.Equal(0, (await admin.GetCapacityAsync()).Process.CachedBytes);
        for (var i = 0; i < 30; i++)
        {
            await student.Client.PredictAsync(Ask($"{i}"));
        }

        var process = (await admin.GetCapacityAsync()).Process;
        Assert.InRange(process.CachedBytes, 1000, 2000);
        Assert.Equal(2000, process.MaxCachedBytes);
        Assert.True((await student.Client.PredictAsync(Ask("29"))).Label.Cached);
        Assert.False((await student.Client.PredictAsync(Ask("0"))).Label.Cached);
    }

    [Fact]
    public async Task Predict_WithoutTheSetting_KeepsNothing()
    {
        await using var student = await StartAsync("--ResponseCacheBytes=0");
        await student.Client.PredictAsync(Ask("x"));

        Assert.False((await student.Client.PredictAsync(Ask("x"))).Label.Cached);
    }

    private static Task<VersionedStudent> StartAsync(string setting = "--ResponseCacheBytes=1000000")
    {
        var asked = 0;
        return VersionedStudent.StartAsync(_ => new ScriptedEngine(_ => $"answer {Interlocked.Increment(ref asked)}"), Aliases, versions: 1, settings: setting);
    }
}
