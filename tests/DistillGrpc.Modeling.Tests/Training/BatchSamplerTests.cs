using System.Text.Json;
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

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3, 0)]
    [InlineData(0, 60)]
    [InlineData(2, 60)]
    public void Restore_StateOfAnotherSampler_GoesOnAsItWouldHaveAlsoWhereRowsArrive(int buckets, int budget)
    {
        var options = new BatchSamplerOptions { BatchSize = 7, Seed = 5, BucketBatches = buckets, TokenBudget = budget };
        var rows = Rows[..20].ToList();
        var sampler = new BatchSampler(rows, options);
        for (var batch = 0; batch < 25; batch++)
        {
            sampler.NextIndices();
            rows.AddRange(Rows[rows.Count..Math.Min(rows.Count + 2, 64)]);
        }

        var saved = JsonSerializer.Deserialize<BatchSamplerState>(JsonSerializer.Serialize(sampler.State))!;
        var again = new BatchSampler([.. rows], options with { Seed = 99 });
        again.Restore(saved);

        Assert.True(saved.Passes.Count > 1 && saved.Passes.Sum(pass => pass.Passes) > 3);
        Assert.Equal(Enumerable.Range(0, 40).Select(_ => sampler.NextIndices()), Enumerable.Range(0, 40).Select(_ => again.NextIndices()));
        Assert.Equal(sampler.State.Passes, again.State.Passes);
        Assert.Throws<InvalidDataException>(() => new BatchSampler(Rows[..19], options).Restore(saved));
        Assert.Throws<InvalidDataException>(() => again.Restore(saved with { Position = 1000 }));
    }

    [Fact]
    public void NextIndices_TokenBudget_BoundsThePaddedBatchAndSeesEveryRowOnceAPass()
    {
        var sampler = new BatchSampler(Rows, new BatchSamplerOptions { BatchSize = 10, TokenBudget = 40 });
        var pass = new List<int[]>();
        while (pass.Sum(batch => batch.Length) < 64)
        {
            pass.Add(sampler.NextIndices());
        }

        Assert.Equal(Enumerable.Range(0, 64), pass.SelectMany(batch => batch).Order());
        Assert.All(pass, batch => Assert.True(batch.Length <= 10 && batch.Length * batch.Max(i => Rows[i].Length) <= 40));
        Assert.Single(new BatchSampler(Rows, new BatchSamplerOptions { TokenBudget = 1 }).NextIndices());
    }

    [Fact]
    public void NextIndices_Buckets_HaveLessPaddingAndSeeEveryRowOnce()
    {
        int Padding(int buckets)
        {
            var sampler = new BatchSampler(Rows, new BatchSamplerOptions { BatchSize = 8, Seed = 2, BucketBatches = buckets });
            var pass = Enumerable.Range(0, 8).Select(_ => sampler.NextIndices()).ToArray();
            Assert.Equal(Enumerable.Range(0, 64), pass.SelectMany(batch => batch).Order());
            return pass.Sum(batch => batch.Sum(i => batch.Max(j => Rows[j].Length) - Rows[i].Length));
        }

        Assert.InRange(Padding(8), 0, Padding(0) / 2);
    }

    [Fact]
    public void At_WarmupThenDecay_RisesAndFallsToZero()
    {
        var schedule = new LinearSchedule(0.01, WarmupSteps: 2, Steps: 6);

        Assert.Equal([0, 0.005, 0.01, 0.0075, 0.005, 0.0025, 0], Enumerable.Range(0, 7).Select(schedule.At).Select(rate => Math.Round(rate, 9)));
    }
}
