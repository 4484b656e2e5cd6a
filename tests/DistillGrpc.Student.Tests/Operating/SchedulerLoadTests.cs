using DistillGrpc.Student.Serving.Scheduling;
using DistillGrpc.Student.Tests.Serving;
using Microsoft.Extensions.Time.Testing;

namespace DistillGrpc.Student.Tests.Operating;

public sealed class SchedulerLoadTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Rates_OfTheLastTenWholeSeconds_LeaveOutTheOneThatRunsAndOlderOnes()
    {
        var load = new SchedulerLoad(_time);
        load.Stepped(4);
        load.Stepped(2);
        Assert.Equal((0.0, 0.0), load.Rates);
        _time.Advance(TimeSpan.FromSeconds(1));
        load.Stepped(100);
        Assert.Equal((0.2, 0.6), load.Rates);
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal((0.3, 10.6), load.Rates);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((0.1, 10.0), load.Rates);
        // A place that is used again begins anew.
        load.Stepped(1);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((0.1, 0.1), load.Rates);
        _time.Advance(TimeSpan.FromDays(1));
        Assert.Equal((0.0, 0.0), load.Rates);
    }

    [Fact]
    public void Running_WhileJobsComeAndGo_IsWhatTheSchedulerHas()
    {
        using var rig = new SchedulerRig(time: _time);
        rig.Add("abc", maxTokens: 10);
        rig.Add("defg", Priority.Batch, maxTokens: 20);
        Assert.Equal((1, 1), rig.Queue.Waits);
        Assert.Equal((0, 0, 0L), rig.Scheduler.Load.Running);
        rig.Turn();

        Assert.Equal((0, 0), rig.Queue.Waits);
        // Inputs with their end-of-sequence token, and room for the output.
        Assert.Equal((2, 1, 4L + 10 + 5 + 20), rig.Scheduler.Load.Running);
        rig.TurnUntilIdle();
        Assert.Equal((0, 0, 0L), rig.Scheduler.Load.Running);
    }
}
