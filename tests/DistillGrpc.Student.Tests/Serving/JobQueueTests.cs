using DistillGrpc.Client;
using DistillGrpc.Student.Serving.Scheduling;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;

namespace DistillGrpc.Student.Tests.Serving;

public sealed class JobQueueTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Order_InteractiveAndBatch_InteractiveGoesFirst()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxRows = 1 }, _time);
        rig.Add("a", Priority.Batch);
        rig.Add("b", Priority.Batch);
        rig.Add("1");
        rig.Add("2");
        rig.TurnUntilIdle();

        Assert.Equal(["1", "2", "a", "b"], Order(rig));
    }

    [Fact]
    public void Order_BatchThatHasWaitedTooLong_TakesTurns()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxRows = 1, MaxBatchWait = TimeSpan.FromSeconds(2) }, _time);
        foreach (var text in new[] { "a", "b", "c" })
        {
            rig.Add(text, Priority.Batch);
        }

        _time.Advance(TimeSpan.FromSeconds(2));
        foreach (var text in new[] { "1", "2", "3", "4" })
        {
            rig.Add(text);
        }

        rig.TurnUntilIdle();

        Assert.Equal(["a", "1", "b", "2", "c", "3", "4"], Order(rig));
    }

    [Fact]
    public void Order_BatchesThatHaveAllTheirRows_LeaveTheOthersToInteractiveOnes()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxRows = 4, MaxBatchRows = 2 }, _time);
        for (var i = 0; i < 4; i++)
        {
            rig.Add("batch", Priority.Batch);
        }

        rig.Turn();
        _time.Advance(TimeSpan.FromMinutes(1));
        rig.Add("now");
        rig.Turn();

        Assert.Equal([2, 3], rig.Engine.Rows);
    }

    [Fact]
    public async Task Add_FullQueue_IsRefusedAtOnceWithRetryInfoAndTheOthersAreUnharmed()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxQueue = 2 }, _time);
        var admitted = new[] { rig.Add("ab"), rig.Add("cd") };
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await rig.Queue.AddAsync(SchedulerRig.Make("ef")));
        // Its lane is another.
        var batch = rig.Add("gh", Priority.Batch);
        rig.TurnUntilIdle();

        Assert.Equal((StatusCode.ResourceExhausted, "QUEUE_FULL"), (refused.StatusCode, RpcErrors.Reason(refused)));
        Assert.NotNull(RpcErrors.RetryDelay(refused));
        Assert.Equal(["ab", "cd", "gh"], admitted.Append(batch).Select(SchedulerRig.Text));
    }

    [Fact]
    public async Task Add_FullQueueOfOnesThatNobodyWaitsFor_HasRoom()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxQueue = 1 }, _time);
        using var stop = new CancellationTokenSource();
        var gone = rig.Add("ab", cancellationToken: stop.Token);
        await stop.CancelAsync();
        var next = rig.Add("cd");
        rig.TurnUntilIdle();

        Assert.IsAssignableFrom<OperationCanceledException>(await SchedulerRig.FailureOf(gone));
        Assert.Equal("cd", SchedulerRig.Text(next));
    }

    [Fact]
    public async Task Add_BatchToAFullQueue_WaitsForRoomOrItsEnd()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxQueue = 1, MaxRows = 1 }, _time);
        using var stop = new CancellationTokenSource();
        rig.Add("ab", Priority.Batch);
        var (waits, goes) = (SchedulerRig.Make("cd", Priority.Batch), SchedulerRig.Make("ef", Priority.Batch, cancellationToken: stop.Token));
        var (adding, going) = (rig.Queue.AddAsync(waits).AsTask(), rig.Queue.AddAsync(goes).AsTask());
        Assert.False(adding.IsCompleted);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => going);
        rig.TurnUntilIdle();
        await adding;
        rig.TurnUntilIdle();

        Assert.Equal("cd", SchedulerRig.Text(waits));
    }

    [Fact]
    public async Task Deadline_ThatPassesInTheQueue_NeverReachesTheEngine()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxRows = 1 }, _time);
        rig.Add("first");
        var late = rig.Add("late", deadline: _time.GetUtcNow().AddSeconds(1));
        rig.Turn(2);
        _time.Advance(TimeSpan.FromSeconds(1));
        rig.TurnUntilIdle();

        Assert.Equal(StatusCode.DeadlineExceeded, Assert.IsType<RpcException>(await SchedulerRig.FailureOf(late)).StatusCode);
        Assert.Equal(["first"], Order(rig));
    }

    [Fact]
    public async Task Deadline_ThatPassesWhileWriting_StopsBeforeTheNextStep()
    {
        using var rig = new SchedulerRig(time: _time);
        var late = rig.Add("a long answer", deadline: _time.GetUtcNow().AddSeconds(1));
        rig.Turn(3);
        _time.Advance(TimeSpan.FromSeconds(1));
        rig.TurnUntilIdle();

        Assert.Equal(StatusCode.DeadlineExceeded, Assert.IsType<RpcException>(await SchedulerRig.FailureOf(late)).StatusCode);
        Assert.Equal(3, rig.Engine.Rows.Count);
    }

    [Fact]
    public async Task Queued_TimeThatPassesBeforeItIsTaken_IsSaid()
    {
        using var rig = new SchedulerRig(time: _time);
        var job = rig.Add("a");
        _time.Advance(TimeSpan.FromSeconds(3));
        rig.TurnUntilIdle();

        Assert.Null(await SchedulerRig.FailureOf(job));
        Assert.Equal((TimeSpan.FromSeconds(3), TimeSpan.Zero), (job.Queued, job.Decoded));
    }

    [Fact]
    public async Task Close_RequestsThatAreIn_GoOnAndNoOtherComesIn()
    {
        using var rig = new SchedulerRig(time: _time);
        var lease = ServingLease.Enter(rig.Queue)!;
        rig.Queue.Close();

        Assert.Null(ServingLease.Enter(rig.Queue));
        var job = await lease.StartAsync([.. SchedulerRig.Bytes.Encode("ab"), 1], isSameInput: false, new() { MaxTokens = 5 }, wantsTokens: false, new Caller(Priority.Interactive, DateTimeOffset.MaxValue, CancellationToken.None));
        rig.TurnUntilIdle();
        Assert.Equal("ab", SchedulerRig.Text(job));
        Assert.True(rig.Queue.Wait());
        lease.Dispose();
        Assert.False(rig.Queue.Wait());
    }

    // One row at a time: the order in which inputs are read is that in which they are answered.
    private static IEnumerable<string> Order(SchedulerRig rig) => rig.Engine.Passes.SelectMany(pass => pass);
}
