using DistillGrpc.Cli.Sweep.Runs;
using DistillGrpc.Hosting;
using Grpc.Core;

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
}
