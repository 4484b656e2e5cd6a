using DistillGrpc.Cli.Bench;

namespace DistillGrpc.Cli.Tests.Bench;

public sealed class ArrivalsTests
{
    [Fact]
    public void Poisson_SameSeed_IsTheSameSchedule()
    {
        var first = Arrivals.Poisson(20, 3).Take(50).ToArray();

        Assert.Equal(first, Arrivals.Poisson(20, 3).Take(50));
        Assert.NotEqual(first, Arrivals.Poisson(20, 4).Take(50));
        Assert.Equal(first.Order(), first);
    }

    [Fact]
    public void Poisson_ManyArrivals_ComeAtTheRateWithExponentialGaps()
    {
        var times = Arrivals.Poisson(50, 1).Take(20_000).Select(time => time.TotalSeconds).ToArray();
        var gaps = times.Zip(times.Skip(1), (before, after) => after - before).ToArray();
        var mean = gaps.Average();

        Assert.InRange(mean, 0.0196, 0.0204);
        // The deviation of an exponential distribution is its mean.
        Assert.InRange(Math.Sqrt(gaps.Average(gap => (gap - mean) * (gap - mean))) / mean, 0.96, 1.04);
        Assert.InRange(gaps.Count(gap => gap > mean) / (double)gaps.Length, 0.357, 0.379);
    }
}
