using System.Diagnostics;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends.OpenAi;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.Teacher.Tests.OpenAi;

public sealed class UpstreamLimitsTests
{
    private static readonly Func<HttpContext, Task> Good = Says("stop", "It is so. The answer is yes.");

    [Fact]
    public async Task Answer_ManyInputs_AreNeverMoreCallsAtOnceThanAllowed()
    {
        var (now, most) = (0, 0);
        await using var endpoint = await StartAsync(async context =>
        {
            most = Math.Max(most, Interlocked.Increment(ref now));
            await Task.Delay(20);
            Interlocked.Decrement(ref now);
            await Good(context);
        });
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:MaxConcurrency=3");

        Assert.All(await Ask(teacher, 30), result => Assert.Equal("yes", result.Label));
        Assert.Equal(3, most);
    }

    [Fact]
    public async Task Answer_EndpointThatThrottles_IsAskedLessAndEveryInputIsAnsweredInTheEnd()
    {
        var (now, all, five) = (0, 0, new TaskCompletionSource());
        await using var endpoint = await StartAsync(async context =>
        {
            var isTooMany = Interlocked.Increment(ref now) > 4;
            var place = Interlocked.Increment(ref all);
            if (place == 5)
            {
                five.SetResult();
            }

            if (place <= 5)
            {
                // However slow the machine is, the first five are there together.
                await five.Task;
            }

            await Task.Delay(30);
            Interlocked.Decrement(ref now);
            await (isTooMany ? Refuses(429, "{}", ("retry-after-ms", "50")) : Good)(context);
        });
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Retries=0", "--Teachers:gpt:MaxConcurrency=16");

        var results = await Ask(teacher, 60);

        Assert.All(results, result => Assert.Equal("yes", result.Label));
        // Without the window, 12 of 16 would be refused again and again.
        Assert.InRange(endpoint.Requests.Count, 61, 120);
    }

    [Fact]
    public async Task Answer_RequestsPerMinute_AreNotPassed()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:RequestsPerMinute=600");
        var started = Stopwatch.GetTimestamp();

        await Ask(teacher, 25);

        // Ten at once, then ten a second.
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 1.4, 30);
        Assert.Equal(25, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Answer_TokensPerMinute_AreNotPassed()
    {
        await using var endpoint = await StartAsync(Good);
        // More than 600 tokens a call: the prompt, and 500 to write. 20,000 at once, then 2,000 a second.
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:TokensPerMinute=120000", "--Teachers:gpt:MaxOutputTokens=500");
        var started = Stopwatch.GetTimestamp();

        await Ask(teacher, 40);

        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 1.9, 60);
    }

    [Fact]
    public async Task Answer_EndpointThatFails_IsLeftAlone()
    {
        await using var endpoint = await StartAsync(Refuses(500));
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Retries=0", "--Teachers:gpt:BreakAfter=5", "--Teachers:gpt:BreakDuration=01:00:00", "--MaxInputsInFlight=1");

        var failure = await Assert.ThrowsAsync<RpcException>(() => Ask(teacher, 50));

        Assert.Equal((StatusCode.Unavailable, "TEACHER_LEFT_ALONE"), (failure.StatusCode, RpcErrors.Reason(failure)));
        Assert.Equal(5, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Answer_EndpointThatRecovers_IsAskedAgainAfterTheBreak()
    {
        var bad = 12;
        await using var endpoint = await StartAsync(context => Interlocked.Decrement(ref bad) >= 0 ? Refuses(503)(context) : Good(context));
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Retries=20", "--Teachers:gpt:BreakAfter=5", "--Teachers:gpt:BreakDuration=00:00:00.5");

        Assert.All(await Ask(teacher, 20), result => Assert.Equal("yes", result.Label));
        Assert.InRange(endpoint.Requests.Count, 32, 32);
    }

    [Fact]
    public async Task Gate_Throttled_IsHalvedOnceForCallsThatWereUnderWayTogetherAndGrowsBack()
    {
        var time = new FakeTimeProvider();
        var gate = new AdaptiveGate(16, time);
        var together = new List<DateTimeOffset>();
        for (var i = 0; i < 16; i++)
        {
            together.Add(await gate.EnterAsync(CancellationToken.None));
        }

        time.Advance(TimeSpan.FromSeconds(1));
        together.ForEach(entered => gate.LeaveThrottled(entered, TimeSpan.FromSeconds(5)));
        Assert.Equal(8, gate.Window);

        var later = gate.EnterAsync(CancellationToken.None).AsTask();
        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(later.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.2));
        await later;
        gate.LeaveThrottled(await later, TimeSpan.Zero);
        Assert.Equal(4, gate.Window);

        for (var i = 0; i < 200; i++)
        {
            await gate.EnterAsync(CancellationToken.None);
            gate.Leave(wentThrough: true);
        }

        Assert.Equal(16, gate.Window);
    }

    [Fact]
    public async Task Gate_Cancelled_TakesNoPlace()
    {
        var gate = new AdaptiveGate(1, TimeProvider.System);
        await gate.EnterAsync(CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var waiting = gate.EnterAsync(stop.Token).AsTask();

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        gate.Leave(wentThrough: true);

        await gate.EnterAsync(CancellationToken.None).AsTask().WaitAsync(TimeSpan.FromSeconds(60));
    }

    private static Task<RunningTeacher> Teacher(ScriptedEndpoint endpoint, params string[] settings) => RunningTeacher.StartAsync([
        "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=m", "--Teachers:gpt:RetryDelay=00:00:00.001", "--MaxInputsInFlight=16", .. settings]);

    private static async Task<List<RationaleResult>> Ask(RunningTeacher teacher, int count) => await teacher.Client
        .GenerateRationalesAsync(new RationaleSpec(), Enumerable.Range(0, count).Select(i => new Example { Id = $"{i}", Segments = { $"Is it {i}?" } }).ToAsyncEnumerable())
        .Select(response => response.Result).ToListAsync();
}
