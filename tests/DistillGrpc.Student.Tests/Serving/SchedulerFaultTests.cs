using DistillGrpc.Client;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Student.Serving.Scheduling;
using Grpc.Core;

namespace DistillGrpc.Student.Tests.Serving;

public sealed class SchedulerFaultTests
{
    [Fact]
    public async Task Turn_CallerThatGoes_FreesItsRowBeforeTheNextStep()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxRows = 1 });
        using var stop = new CancellationTokenSource();
        var (gone, next) = (rig.Add(new string('a', 500), cancellationToken: stop.Token), rig.Add("xy"));
        rig.Turn(3);
        await stop.CancelAsync();
        rig.TurnUntilIdle();

        Assert.IsAssignableFrom<OperationCanceledException>(await SchedulerRig.FailureOf(gone));
        Assert.Equal("xy", SchedulerRig.Text(next));
        Assert.Equal(3 + 3, rig.Engine.Rows.Count);
        Assert.Equal(0, rig.Engine.LiveSequences);
    }

    [Fact]
    public async Task Turn_EngineThatFailsInAStep_FailsThatBatchAndGoesOn()
    {
        using var rig = new SchedulerRig();
        var batch = new[] { rig.Add("abc"), rig.Add("def") };
        rig.Turn();
        rig.Engine.OnStep = _ => throw new InvalidOperationException("libtorch: out of memory at /home/someone/kernel.cpp");
        rig.Turn();
        rig.Engine.OnStep = null;
        var next = rig.Add("xyz");
        rig.TurnUntilIdle();

        foreach (var job in batch)
        {
            var failure = Assert.IsType<RpcException>(await SchedulerRig.FailureOf(job));
            Assert.Equal((StatusCode.Internal, "BATCH_FAILED"), (failure.StatusCode, RpcErrors.Reason(failure)));
            Assert.DoesNotContain("libtorch", failure.Status.Detail, StringComparison.Ordinal);
        }

        Assert.Equal("xyz", SchedulerRig.Text(next));
        Assert.Equal((0, null), (rig.Engine.LiveSequences, rig.Scheduler.Failure));
    }

    [Fact]
    public async Task Turn_EngineThatFailsToReadAnInput_FailsThatPassAndNoRunningAnswer()
    {
        using var rig = new SchedulerRig();
        var running = rig.Add("abcdef");
        rig.Turn(2);
        rig.Engine.OnEncode = _ => throw new OutOfMemoryException();
        var unread = rig.Add("xyz");
        rig.Turn();
        rig.Engine.OnEncode = null;
        rig.TurnUntilIdle();

        Assert.Equal("BATCH_FAILED", RpcErrors.Reason(Assert.IsType<RpcException>(await SchedulerRig.FailureOf(unread))));
        Assert.Equal("abcdef", SchedulerRig.Text(running));
    }

    [Fact]
    public async Task Turn_LogitsThatAreNoNumbers_EndTheModelAndAllThatWaits()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxRows = 2 });
        rig.Engine.IsBroken = text => text == "bad";
        var jobs = new[] { rig.Add("good"), rig.Add("bad"), rig.Add("waits") };
        rig.Turn();

        Assert.IsType<NonFiniteLogitsException>(rig.Scheduler.Failure);
        foreach (var job in jobs)
        {
            Assert.Equal("MODEL_FAILED", RpcErrors.Reason(Assert.IsType<RpcException>(await SchedulerRig.FailureOf(job))));
        }

        Assert.Equal("MODEL_FAILED", RpcErrors.Reason(await Assert.ThrowsAsync<RpcException>(async () => await rig.Queue.AddAsync(SchedulerRig.Make("late")))));
        Assert.False(rig.Queue.TryEnter());
        Assert.Equal(0, rig.Engine.LiveSequences);
    }
}
