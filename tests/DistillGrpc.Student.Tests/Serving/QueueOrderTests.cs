using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Student.Serving.Scheduling;
using Microsoft.Extensions.Time.Testing;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>Requests of several tasks, whose second comes when the first is written, among others that wait.</summary>
public sealed class QueueOrderTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Order_SeveralThatGoOn_ComeInTheirOrderBeforeThoseThatHaveNotBegun()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxRows = 1 }, _time);
        rig.Add("1");
        rig.Add("2");
        GoOn(rig, "a", Priority.Interactive, 0);
        GoOn(rig, "b", Priority.Interactive, 0);
        rig.TurnUntilIdle();

        Assert.Equal(["a", "b", "1", "2"], Order(rig));
    }

    [Fact]
    public void Order_OfABatchOneThatGoesOn_PutsOffNoneThatHasWaitedTooLong()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxRows = 1, MaxBatchWait = TimeSpan.FromSeconds(2) }, _time);
        rig.Add("a", Priority.Batch);
        rig.Add("b", Priority.Batch);
        var began = _time.GetTimestamp();
        _time.Advance(TimeSpan.FromSeconds(2));
        GoOn(rig, "c", Priority.Batch, began);
        rig.Add("1");
        rig.Add("2");
        rig.TurnUntilIdle();

        Assert.Equal(["c", "1", "a", "2", "b"], Order(rig));
    }

    [Fact]
    public void Order_BatchesThatHaveAllTheirMemory_LeaveTheOthersToInteractiveOnes()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxRows = 4, MaxBatchRows = 2, MaxContextTokens = 100 }, _time);
        for (var i = 0; i < 3; i++)
        {
            // 40 tokens: of the half that batches may have, one's.
            rig.Add("batch", Priority.Batch, maxTokens: 34);
        }

        rig.Turn();
        rig.Add("now..", maxTokens: 34);
        rig.Turn();

        Assert.Equal([1, 2], rig.Engine.Rows);
    }

    private static void GoOn(SchedulerRig rig, string text, Priority priority, long since)
    {
        var job = new GenerationJob([.. SchedulerRig.Bytes.Encode(text), SchedulerRig.Bytes.EosId], new Reading(), new DecodingOptions { MaxTokens = 10 }, wantsTokens: false)
        {
            Caller = new Caller(priority, DateTimeOffset.MaxValue, CancellationToken.None),
            IsContinuation = true,
            RequestSince = since,
        };
        Assert.True(rig.Queue.AddAsync(job).IsCompletedSuccessfully);
    }

    private static IEnumerable<string> Order(SchedulerRig rig) => rig.Engine.Passes.Select(pass => pass.Single());
}
