using DistillGrpc.Modeling.Training;

namespace DistillGrpc.Modeling.Tests.Training;

public sealed class BatchSamplerTests
{
    private static readonly TaskRow[] Rows = [.. Enumerable.Range(0, 64).Select(i => new TaskRow([i], new int[1 + (i * 7 % 13)]))];

    [Fact]
    public void Next_OnePass_SeesEveryRowOnce()
    {
        var sampler = new BatchSampler(Rows, 16, seed: 1);

        var seen = Enumerable.Range(0, 4).SelectMany(_ => sampler.Next()).Select(row => row.Input[0]);

        Assert.Equal(Enumerable.Range(0, 64), seen.Order());
    }

    [Fact]
    public void Next_SameSeed_GivesTheSameBatchesAndAnotherSeedOthers()
    {
        int[] Order(int seed)
        {
            var sampler = new BatchSampler(Rows, 16, seed);
            return [.. Enumerable.Range(0, 9).SelectMany(_ => sampler.Next()).Select(row => row.Input[0])];
        }

        Assert.Equal(Order(3), Order(3));
        Assert.NotEqual(Order(3), Order(4));
    }

    [Fact]
    public void Next_FewerRowsThanABatch_GivesThemAll() =>
        Assert.Equal(3, new BatchSampler(Rows[..3], 16, seed: 1).Next().Count);

    [Fact]
    public void At_WarmupThenDecay_RisesAndFallsToZero()
    {
        var schedule = new LinearSchedule(0.01, WarmupSteps: 2, Steps: 6);

        Assert.Equal([0, 0.005, 0.01, 0.0075, 0.005, 0.0025, 0], Enumerable.Range(0, 7).Select(schedule.At).Select(rate => Math.Round(rate, 9)));
    }
}
