using DistillGrpc.Cli.Bench;

namespace DistillGrpc.Cli.Tests.Bench;

public sealed class DistributionTests
{
    [Fact]
    public void Of_NumbersInAnyOrder_InterpolatesAsNumPyDoes()
    {
        // numpy.percentile([1, 2, 3, 4, 10], [50, 95, 99])
        var spread = Distribution.Of([10, 1, 3, 2, 4])!;

        Assert.Equal((4, 3, 1, 10), (spread.Mean, spread.P50, spread.Min, spread.Max));
        Assert.Equal((8.8, 9.76), (Math.Round(spread.P95, 9), Math.Round(spread.P99, 9)));
    }

    [Fact]
    public void Of_OneNumber_IsThatNumber() => Assert.Equal(new Distribution(7, 7, 7, 7, 7, 7), Distribution.Of([7]));

    [Fact]
    public void Of_Nothing_IsNull() => Assert.Null(Distribution.Of([]));
}
