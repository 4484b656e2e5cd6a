using DistillGrpc.Cli.Sweep.Runs;
using DistillGrpc.Hosting;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;

namespace DistillGrpc.Cli.Tests.Sweep;

public sealed class OutageTests
{
    [Fact]
    public void IsAway_WhatTheStudentItselfSays_IsAnAnswer()
    {
        Assert.True(Outage.IsAway(new RpcException(new Status(StatusCode.Unavailable, "refused"))));
        Assert.True(Outage.IsAway(new RpcException(new Status(StatusCode.Internal, "the connection was closed"))));
        Assert.False(Outage.IsAway(RpcFailure.Internal()));
        Assert.False(Outage.IsAway(RpcFailure.InvalidArgument("spec.steps", "is odd")));
    }

    [Fact]
    public async Task WaitAsync_StudentThatComesBack_IsAskedAgain()
    {
        var (calls, time) = (0, new FakeTimeProvider());
        var waiting = Outage.WaitAsync(() => ++calls < 4 ? throw Away() : Task.FromResult(calls), time, CancellationToken.None);

        Assert.Equal(1, calls);
        Assert.Equal(4, await EndAsync(waiting, time));
    }

    [Fact]
    public async Task WaitAsync_StudentThatStaysAwayOrRefuses_IsGivenUp()
    {
        var (calls, time) = (0, new FakeTimeProvider());
        Task<int> Fail(RpcException failure)
        {
            calls++;
            throw failure;
        }

        await Assert.ThrowsAsync<RpcException>(() => EndAsync(Outage.WaitAsync(() => Fail(Away()), time, CancellationToken.None), time));
        // Every five seconds, for five minutes.
        Assert.Equal(60, calls);

        calls = 0;
        await Assert.ThrowsAsync<RpcException>(() => EndAsync(Outage.WaitAsync(() => Fail(Frozen()), time, CancellationToken.None), time));
        // Each of these has waited for a minute before it failed.
        Assert.Equal(5, calls);

        calls = 0;
        await Assert.ThrowsAsync<RpcException>(() => Outage.WaitAsync(() => Fail(RpcFailure.InvalidArgument("spec.steps", "is odd")), time, CancellationToken.None));
        Assert.Equal(1, calls);
    }

    private static RpcException Away() => new(new Status(StatusCode.Unavailable, "refused"));

    private static RpcException Frozen() => new(new Status(StatusCode.Internal, "The HTTP/2 server didn't respond to a ping request within the configured KeepAlivePingDelay."));

    private static async Task<int> EndAsync(Task<int> waiting, FakeTimeProvider time)
    {
        while (!waiting.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(5));
            await Task.Yield();
        }

        return await waiting;
    }
}
