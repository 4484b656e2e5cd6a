using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Operating;
using DistillGrpc.Student.Tests.Serving;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Health.V1;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace DistillGrpc.Student.Tests.Operating;

public sealed class DrainTests
{
    [Fact]
    public async Task Drain_WhileARequestIsInside_AnswersItRefusesOthersAndEndsWithIt()
    {
        await using var student = await StartAsync();
        using var gate = new Gate();
        student.Engine(1).OnStep = _ => gate.Wait();
        var admin = new AdminClient(student.Channel);
        var inside = student.Client.StreamPredictAsync(AskStream("inside")).ToListAsync().AsTask();
        await UntilAsync(() => student.Engine(1).LiveSequences == 1);
        var draining = admin.DrainAsync();
        await UntilAsync(() => student.Get<InferenceGate>().IsDraining);

        var refused = await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(Ask("late")));
        var stream = await Assert.ThrowsAsync<RpcException>(async () => await student.Client.StreamPredictAsync(AskStream("late")).ToListAsync());
        var batch = await Assert.ThrowsAsync<RpcException>(async () => await student.Client.BatchPredictAsync(AsyncEnumerable.Empty<BatchPredictRequest>()).ToListAsync());
        Assert.All(new[] { refused, stream, batch }, failure => Assert.Equal((StatusCode.Unavailable, "DRAINING"), (failure.StatusCode, RpcErrors.Reason(failure))));
        Assert.NotNull(RpcErrors.RetryDelay(refused));
        Assert.Equal(
            [ServingStatus.NotServing, ServingStatus.NotServing, ServingStatus.NotServing, ServingStatus.Serving, ServingStatus.Serving],
            await HealthAsync(student, "", "distill.v1.InferenceService", "models/x", "distill.v1.TrainingService", "distill.v1.ModelService"));
        Assert.Equal((true, 1L), (await admin.GetCapacityAsync()).Process is var process ? (process.Draining, process.InferenceCalls) : default);
        Assert.Equal("models/x", (await student.Models.GetAsync("models/x")).Name);
        Assert.False(draining.IsCompleted);

        gate.Open();
        Assert.Equal(0, await draining);
        Assert.Equal("yes", (await inside)[^1].Answer.Text);
        Assert.DoesNotContain("[label] late", student.Engine(1).Passes.SelectMany(pass => pass));
    }

    [Fact]
    public async Task Resume_AfterADrain_LetsRequestsInAgain()
    {
        await using var student = await StartAsync();
        var admin = new AdminClient(student.Channel);
        using var watch = new Health.HealthClient(student.Channel).Watch(new HealthCheckRequest { Service = "models/x" });
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(0, await admin.DrainAsync());
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(ServingStatus.NotServing, watch.ResponseStream.Current.Status);
        await admin.ResumeAsync();
        await admin.ResumeAsync();
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(ServingStatus.Serving, watch.ResponseStream.Current.Status);
        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("x"))).Label.Text);
        Assert.Equal([ServingStatus.Serving, ServingStatus.Serving], await HealthAsync(student, "", "distill.v1.InferenceService"));
    }

    [Fact]
    public async Task Drain_WithATimeToWait_SaysHowManyAreLeftAndStaysDrained()
    {
        await using var student = await StartAsync();
        using var gate = new Gate();
        student.Engine(1).OnStep = _ => gate.Wait();
        var admin = new AdminClient(student.Channel);
        var inside = new[] { student.Client.PredictAsync(Ask("1")), student.Client.PredictAsync(Ask("2")) };
        await UntilAsync(() => student.Get<InferenceGate>().Inside == 2);

        Assert.Equal(2, await admin.DrainAsync(TimeSpan.Zero));
        Assert.Equal(2, await admin.DrainAsync(TimeSpan.FromMilliseconds(200)));
        using var stop = new CancellationTokenSource(200);
        await Assert.ThrowsAnyAsync<Exception>(() => admin.DrainAsync(null, stop.Token));
        var waiting = admin.DrainAsync(TimeSpan.FromMinutes(5));
        gate.Open();

        Assert.Equal(0, await waiting);
        Assert.Equal(["yes", "yes"], (await Task.WhenAll(inside)).Select(answer => answer.Label.Text));
        Assert.True((await admin.GetCapacityAsync()).Process.Draining);
    }

    [Fact]
    public async Task Resume_WhileADrainWaits_EndsItWithAborted()
    {
        await using var student = await StartAsync();
        using var gate = new Gate();
        student.Engine(1).OnStep = _ => gate.Wait();
        var admin = new AdminClient(student.Channel);
        var inside = student.Client.PredictAsync(Ask("1"));
        await UntilAsync(() => student.Engine(1).LiveSequences == 1);
        var draining = admin.DrainAsync();
        await UntilAsync(() => student.Get<InferenceGate>().IsDraining);
        await admin.ResumeAsync();
        var aborted = await Assert.ThrowsAsync<RpcException>(() => draining);
        gate.Open();

        Assert.Equal((StatusCode.Aborted, "RESUMED"), (aborted.StatusCode, RpcErrors.Reason(aborted)));
        Assert.Equal("yes", (await inside).Label.Text);
    }

    [Fact]
    public async Task Drain_CallsThatFailOrAreCancelled_AreNotLeftInside()
    {
        await using var student = await StartAsync();
        using var gate = new Gate();
        student.Engine(1).OnStep = _ => gate.Wait();
        await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(new PredictRequest()));
        using var stop = new CancellationTokenSource();
        var cancelled = student.Client.PredictAsync(Ask("1"), stop.Token);
        await UntilAsync(() => student.Engine(1).LiveSequences == 1);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => cancelled);
        gate.Open();

        Assert.Equal(0, await new AdminClient(student.Channel).DrainAsync());
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(0, -1)]
    [InlineData(86_400, 1_000)]
    [InlineData(1, 2_000_000_000)]
    [InlineData(long.MaxValue, 0)]
    public async Task Drain_TimeThatCannotBe_IsRefusedAndNothingIsDrained(long seconds, int nanos)
    {
        await using var student = await StartAsync();
        var client = new AdminService.AdminServiceClient(student.Channel);
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await client.DrainAsync(new DrainRequest { Wait = new Duration { Seconds = seconds, Nanos = nanos } }));

        Assert.Equal((StatusCode.InvalidArgument, "wait"), (refused.StatusCode, RpcErrors.Field(refused)));
        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("x"))).Label.Text);
    }

    private static Task<VersionedStudent> StartAsync() => VersionedStudent.StartAsync(_ => new ScriptedEngine(_ => "yes"), new() { ["stable"] = 1 }, versions: 1);

    private static async Task<ServingStatus[]> HealthAsync(VersionedStudent student, params string[] names)
    {
        var health = new Health.HealthClient(student.Channel);
        return await Task.WhenAll(names.Select(async name => (await health.CheckAsync(new HealthCheckRequest { Service = name })).Status));
    }
}
