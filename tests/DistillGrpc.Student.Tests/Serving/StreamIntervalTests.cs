using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Student.Serving.Scheduling;
using Microsoft.Extensions.Time.Testing;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>Tokens that come faster than it is worth to wake somebody for each.</summary>
public sealed class StreamIntervalTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Feed_TokensThatComeFast_AreToldTheFirstAtOnceAndTheOthersTogether()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { StreamInterval = TimeSpan.FromMilliseconds(4) }, _time);
        var job = Add(rig, "abcdefg", gathers: true);
        string[] told = [.. Enumerable.Range(0, 6).Select(_ => Step(rig, job, 1.5))];

        // The clock goes on by 1.5 ms before each step.
        Assert.Equal(["a", "", "", "bcd", "", ""], told);
        rig.TurnUntilIdle();
        Assert.Equal("efg", Read(job));
        Assert.Equal("abcdefg", SchedulerRig.Text(job));
    }

    [Fact]
    public void Feed_TokensSlowerThanTheInterval_AreToldEachByItself()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { StreamInterval = TimeSpan.FromMilliseconds(4) }, _time);
        var job = Add(rig, "abc", gathers: true);

        Assert.Equal(["a", "b", "c"], Enumerable.Range(0, 3).Select(_ => Step(rig, job, 4)));
    }

    [Fact]
    public void Feed_WithoutAnIntervalOrWhereEachCounts_IsToldEachByItself()
    {
        using var none = new SchedulerRig(new SchedulerOptions { StreamInterval = TimeSpan.Zero }, _time);
        using var some = new SchedulerRig(new SchedulerOptions { StreamInterval = TimeSpan.FromMilliseconds(4) }, _time);
        var (gathered, eager) = (Add(none, "abc", gathers: true), Add(some, "abc", gathers: false));

        Assert.Equal(["a", "b", "c"], Enumerable.Range(0, 3).Select(_ => Step(none, gathered, 0)));
        Assert.Equal(["a", "b", "c"], Enumerable.Range(0, 3).Select(_ => Step(some, eager, 0)));
    }

    [Fact]
    public void Feed_BeforeAnotherInputIsRead_IsToldWhatIsHeldBack()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { StreamInterval = TimeSpan.FromSeconds(4) }, _time);
        var job = Add(rig, "abcdefg", gathers: true);
        string[] told = [Step(rig, job, 0), Step(rig, job, 0)];
        var atReading = "";
        rig.Engine.OnEncode = _ => atReading = Read(job);
        rig.Add("other");
        rig.Turn();

        Assert.Equal(["a", ""], told);
        Assert.Equal("b", atReading);
    }

    private static GenerationJob Add(SchedulerRig rig, string text, bool gathers)
    {
        var job = new GenerationJob([.. SchedulerRig.Bytes.Encode(text), SchedulerRig.Bytes.EosId], new Reading(), new DecodingOptions { MaxTokens = 100 }, wantsTokens: true)
        {
            Caller = new Caller(Priority.Interactive, DateTimeOffset.MaxValue, CancellationToken.None),
            IsGathered = gathers,
        };
        Assert.True(rig.Queue.AddAsync(job).IsCompletedSuccessfully);
        return job;
    }

    private string Step(SchedulerRig rig, GenerationJob job, double milliseconds)
    {
        _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        rig.Turn();
        return Read(job);
    }

    private static string Read(GenerationJob job)
    {
        var tokens = new List<int>();
        while (job.Feed.TryRead(out var token))
        {
            tokens.Add(token);
        }

        return SchedulerRig.Bytes.Decode([.. tokens]);
    }
}
