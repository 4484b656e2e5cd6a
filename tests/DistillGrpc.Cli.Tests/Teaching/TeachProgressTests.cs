using DistillGrpc.Cli.Teaching;

namespace DistillGrpc.Cli.Tests.Teaching;

public sealed class TeachProgressTests
{
    [Theory]
    [InlineData(50, 200L, 40, 1_500_000, 10, "[######..................]  25% 50/200 5/s accepted 80.0% cost 0.0015 ETA 0:00:30")]
    [InlineData(50, null, 50, 0, 100, "50 rows 0.5/s accepted 100.0%")]
    [InlineData(0, 10L, 0, 0, 0, "[........................]   0% 0/10 0/s")]
    public void Text_Counts_SayPaceCostAndTimeLeft(long rows, long? total, long accepted, long costNanos, int seconds, string expected) =>
        Assert.Equal(expected, TeachProgress.Text(rows, total, accepted, costNanos, TimeSpan.FromSeconds(seconds)));
}
