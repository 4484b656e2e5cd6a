using Microsoft.Extensions.Time.Testing;

namespace DistillGrpc.Cli.Tests;

public sealed class RowProgressTests
{
    [Theory]
    [InlineData(10, 1_000_010L, 0, 1, "[........................]   0% 10/1000010 10/s ETA 27:46:40")]
    [InlineData(60, 100L, 50, 10, "[##############..........]  60% 60/100 1/s ETA 0:00:40")]
    [InlineData(130, 100L, 0, 10, "[########################] 100% 130/100 13/s ETA 0:00:00")]
    public void Text_Counts_SayHowFarItIsAndHowLongItTakes(long rows, long total, long kept, int seconds, string expected) =>
        Assert.Equal(expected, RowProgress.Text(rows, total, kept, "", TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void Pace_AskedOften_LetsOnePassInATenthOfASecond()
    {
        var time = new FakeTimeProvider();
        var pace = new Pace(time);
        var passed = new List<bool>();
        foreach (var wait in (int[])[0, 0, 99, 1, 0, 100, 250, 50])
        {
            time.Advance(TimeSpan.FromMilliseconds(wait));
            passed.Add(pace.IsTime());
        }

        Assert.Equal([true, false, false, true, false, true, true, false], passed);
    }
}
