using DistillGrpc.Modeling.Training;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Training;

public sealed class MutualInformationTests
{
    private static readonly TaskRow[] Labels = Tiny.Rows(5, seed: 1, longestTarget: 3);
    // One label has no rationale, one has two, and they come in another order.
    private static readonly TaskRow[] Rationales = [.. Tiny.Rows(4, seed: 2).Reverse(), Tiny.Rows(3, seed: 5)[2]];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Step_PairsOfAnExample_AreDrawnTogetherByTheirPooledDistributions(bool normalized)
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();

        var outcome = Tiny.See(model, [new("label", Labels, 0.5), new("rationale", Rationales, 0.5)], null, new MutualInformation(3, normalized));

        var pairs = Rationales.Select(rationale =>
        {
            var target = Pooled(Tiny.Softmax(Tiny.Logits(model, Labels[rationale.Example])).detach());
            var pooled = Pooled(Tiny.Softmax(Tiny.Logits(model, rationale)));
            return normalized
                ? -(target / target.sum() * (pooled / pooled.sum()).log()).sum()
                : -(target * Tiny.Softmax(pooled).log()).sum();
        }).ToArray();
        Tiny.AssertSaw(outcome, (0.5 * Tiny.TokenMean(model, Labels)) + (0.5 * Tiny.TokenMean(model, Rationales)) + (3 * Tiny.Mean(pairs)), model);
        Assert.Equal(Tiny.Mean(pairs).item<float>(), outcome[MutualInformation.Name], 4);
    }

    [Fact]
    public void Step_OtherPairs_GiveAnotherLossAndWithoutPairsThereIsNone()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        StepOutcome See(IEnumerable<TaskRow> rationales) =>
            Tiny.See(model, [new("label", Labels), new("rationale", [.. rationales])], null, new MutualInformation(normalized: true));

        var order = Derangement.Of(Rationales.Length, seed: 3);
        Assert.NotEqual(See(Rationales)[MutualInformation.Name], See(Rationales.Select((row, i) => row with { Example = Rationales[order[i]].Example }))[MutualInformation.Name], 3);
        Assert.DoesNotContain(MutualInformation.Name, See(Rationales.Select(row => row with { Example = -1 })).Losses.Keys);
    }

    [Fact]
    public void Derangement_AnySeed_MovesEverythingAndLosesNothing() => Assert.All(Enumerable.Range(0, 50), seed =>
    {
        var order = Derangement.Of(2 + seed, seed);

        Assert.Equal(Enumerable.Range(0, 2 + seed), order.Order());
        Assert.All(order.Select((to, from) => (to, from)), pair => Assert.NotEqual(pair.from, pair.to));
        Assert.Equal(order, Derangement.Of(2 + seed, seed));
    });

    // The highest value of every column, by hand.
    private static Tensor Pooled(Tensor probabilities) =>
        stack([.. Enumerable.Range(0, (int)probabilities.shape[1]).Select(v => probabilities.select(1, v).max())]);
}
