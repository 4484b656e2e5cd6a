using DistillGrpc.Cli.Sweep.Statistics;

namespace DistillGrpc.Cli.Tests.Sweep;

public sealed class StatisticsTests
{
    // From the tables of Student's t.
    [Theory]
    [InlineData(1, 12.7062)]
    [InlineData(2, 4.3027)]
    [InlineData(3, 3.1824)]
    [InlineData(10, 2.2281)]
    [InlineData(29, 2.0452)]
    [InlineData(120, 1.9799)]
    public void Quantile_OfTwoSided95_IsThatOfTheTables(int freedom, double expected) => Assert.Equal(expected, StudentT.Quantile(0.975, freedom), 4);

    [Fact]
    public void StudentT_ThreeValues_IsMeanAndHalfWidthByHand()
    {
        var interval = StudentT.Of([1, 2, 3])!;

        // 4.30265 * 1 / sqrt(3)
        Assert.Equal((2.0, 3), (interval.Mean, interval.Count));
        Assert.Equal(2 - 2.48414, interval.Low, 4);
        Assert.Equal(2 + 2.48414, interval.High, 4);
        Assert.Null(StudentT.Of([0.5]));
    }

    [Fact]
    public void PairedBootstrap_TwoRows_ReachesBothOfThem()
    {
        // A quarter of the draws has the first twice, a quarter the second.
        Assert.Equal(new Interval(0.5, 0, 1, 2), PairedBootstrap.Of([("a", 0), ("b", 1)], seed: 1));
        Assert.Equal(new Interval(0.25, 0.25, 0.25, 3), PairedBootstrap.Of([("a", 0.25), ("b", 0.25), ("c", 0.25)], seed: 1));
        Assert.Null(PairedBootstrap.Of([("a", 0), ("a", 1)], seed: 1));
    }

    [Fact]
    public void PairedBootstrap_HundredRows_IsTheNormalIntervalAndWiderWhereRowsBelongTogether()
    {
        var alone = PairedBootstrap.Of(Enumerable.Range(0, 100).Select(i => ($"{i}", i < 30 ? 1.0 : 0)), seed: 1)!;
        var together = PairedBootstrap.Of(Enumerable.Range(0, 100).Select(i => ($"{i / 10}", i < 30 ? 1.0 : 0)), seed: 1)!;

        // 0.3 -+ 1.96 * sqrt(0.3 * 0.7 / 100), and of ten groups sqrt(10) times as wide.
        Assert.Equal(0.3, alone.Mean, 9);
        Assert.InRange(alone.Low, 0.195, 0.225);
        Assert.InRange(alone.High, 0.375, 0.405);
        Assert.InRange(together.High - together.Low, 0.45, 0.65);
    }
}
