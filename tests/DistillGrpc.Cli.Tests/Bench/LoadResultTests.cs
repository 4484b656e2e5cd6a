using DistillGrpc.Cli.Bench;
using Grpc.Core;

namespace DistillGrpc.Cli.Tests.Bench;

/// <summary>What is summed up, of samples whose times are known.</summary>
public sealed class LoadResultTests
{
    private static readonly Load AtOnce = new(2, null, Together: false);

    [Fact]
    public void Of_LoadForATime_CountsWhatCameWithinIt()
    {
        // Two are answered in time; half the third one's tokens came in time; the fourth has failed.
        var result = LoadResult.Of(AtOnce, [Sample(0, 400, [100, 200, 300, 400]), Sample(0, 1000, [600, 1000]), Sample(400, 1500, [900, 1400]), Failed(500, StatusCode.Unavailable)], [], Milliseconds(1000));

        Assert.Equal((3, 1, 2), (result.Answered, result.Failed, result.AnsweredInTime));
        Assert.Equal(new Dictionary<string, int> { ["Unavailable"] = 1 }, result.Errors);
        Assert.Equal((1.0, 2.0, 7.0), (result.Seconds, result.RequestsPerSecond, result.OutputTokensPerSecond));
        Assert.Equal((null, null, 1100), (result.SentPerSecond, result.LateMs, result.RequestMs!.Max));
        Assert.Equal((100, 600), (result.FirstTokenMs!.Min, result.FirstTokenMs.Max));
    }

    [Fact]
    public void Of_LoadWithARate_MeasuresFromWhenARequestWasDue()
    {
        // The Student stood still until 900: what was due meanwhile was sent late, and has waited all the same.
        var load = new Load(0, 5, Together: false);
        var result = LoadResult.Of(load, [Sample(100, 1000, [950], began: 100), Sample(300, 1050, [1020], began: 900), Sample(500, 1100, [1050], began: 1000)], [], Milliseconds(1100));

        Assert.Equal((900, 750, 600), (result.RequestMs!.Max, result.RequestMs.P50, result.RequestMs.Min));
        Assert.Equal((850, 550), (result.FirstTokenMs!.Max, result.FirstTokenMs.Min));
        Assert.Equal((0, 500, 600), (result.LateMs!.Min, result.LateMs.P50, result.LateMs.Max));
        Assert.Equal(3, result.SentPerSecond);
    }

    [Fact]
    public void Of_OneStall_ShowsInTheTokensAfterIt()
    {
        // 99 gaps of 10 ms and one of 500: a mean of each request would hide it.
        var steady = Sample(0, 1000, [.. Enumerable.Range(1, 51).Select(i => i * 10)]);
        var stalled = Sample(0, 1500, [.. Enumerable.Range(1, 51).Select(i => (i * 10) + (i > 25 ? 490 : 0))]);

        var result = LoadResult.Of(AtOnce, [steady, stalled], [], Milliseconds(1500));

        Assert.Equal((10, 10, 500), (result.FurtherTokenMs!.P50, result.FurtherTokenMs.P95, result.FurtherTokenMs.Max));
    }

    [Fact]
    public void Of_MessagesWithSeveralTokens_ShareTheirGapsOutAndTasksHaveTheirOwn()
    {
        // A gap of 90 ms for three tokens, one of 10 for one; then the rationale, whose beginning is nobody's further token.
        var both = Sample(0, 2000, [100]) with { Tasks = [Task((100, 2), (190, 3), (200, 1)), Task((1000, 1), (1030, 1))] };

        var result = LoadResult.Of(AtOnce, [both], [], Milliseconds(1010));

        Assert.Equal((10, 30, 30, 26), (result.FurtherTokenMs!.Min, result.FurtherTokenMs.P50, result.FurtherTokenMs.Max, result.FurtherTokenMs.Mean));
        Assert.Equal((8, 7 / 1.01), (result.OutputTokens!.Max, result.OutputTokensPerSecond));
    }

    [Fact]
    public void Of_Waves_CountsThoseThatAreAnsweredAsAWhole()
    {
        RequestSample[] good = [Sample(0, 300, [100, 300]), Sample(0, 500, [200, 500])];
        RequestSample[] bad = [Sample(600, 700, [650]), Failed(600, StatusCode.Unavailable)];

        var result = LoadResult.Of(new Load(2, null, Together: true), [.. good, .. bad], [good, bad], Milliseconds(700));

        Assert.Equal((200, 200, 500, 500), (result.AllBegunMs!.Min, result.AllBegunMs.Max, result.AllAnsweredMs!.Min, result.AllAnsweredMs.Max));
    }

    [Fact]
    public void Of_NoRequest_HasNoTimes()
    {
        var result = LoadResult.Of(new Load(0, 1, Together: false), [], [], Milliseconds(10));

        Assert.Equal((0, 0, 0.0, 0.0), (result.Answered, result.Failed, result.RequestsPerSecond, result.OutputTokensPerSecond));
        Assert.Equal((null, null, null), (result.RequestMs, result.SentPerSecond, result.FurtherTokenMs));
    }

    // A token in each message.
    private static RequestSample Sample(int due, int ended, int[] messages, int? began = null) => new()
    {
        Due = Milliseconds(due),
        Began = Milliseconds(began ?? due),
        First = Milliseconds(messages[0]),
        Ended = Milliseconds(ended),
        Tasks = [Task([.. messages.Select(time => (time, 1))])],
    };

    private static RequestSample Failed(int due, StatusCode status) => Sample(due, due + 1, [due + 1]) with { Failure = status };

    private static TaskSample Task(params (int Time, long Tokens)[] messages) => new([.. messages.Select(message => new TokenMessage(Milliseconds(message.Time), message.Tokens))]);

    private static TimeSpan Milliseconds(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
