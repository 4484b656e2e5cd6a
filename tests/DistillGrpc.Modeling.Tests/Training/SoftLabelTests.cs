using DistillGrpc.Modeling.Training;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Training;

public sealed class SoftLabelTests
{
    private static readonly int[][] Set = [[5, 1], [6, 7, 1], [6, 8, 9, 1]];
    private static readonly TaskRow[] Plain = Tiny.Rows(5, seed: 1);

    [Theory]
    [InlineData(1, LossMean.Tokens)]
    [InlineData(2.5, LossMean.Tokens)]
    [InlineData(2.5, LossMean.Examples)]
    public void TokenSoftLabels_TopK_AreTheDivergenceFromTheTemperedTeacher(double temperature, LossMean mean)
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        var rows = Plain.Select((row, i) => i == 2 ? row : row with { TokenSoftLabels = Random(row, 2 + (i % 2), seed: i) }).ToArray();

        var outcome = Tiny.See(model, [new("rationale", rows, 0.4)], new TrainerOptions { Mean = mean, AccumulationSteps = 2 }, new TokenSoftLabels("rationale", 0.6, temperature));

        var divergences = rows.Where(row => row.TokenSoftLabels is not null).Select(row => Divergences(row, Tiny.Logits(model, row), temperature)).ToArray();
        var hard = rows.Select(row => Tiny.TokenLosses(model, row)).ToArray();
        var (hardMean, softMean) = mean == LossMean.Tokens
            ? (Tiny.Mean(hard.SelectMany(row => row)), Tiny.Mean(divergences.SelectMany(row => row)))
            : (Tiny.Mean(hard.Select(Tiny.Mean)), Tiny.Mean(divergences.Select(Tiny.Mean)));
        Tiny.AssertSaw(outcome, (0.4 * hardMean) + (0.6 * temperature * temperature * softMean), model);
        Assert.Equal(temperature * temperature * softMean.item<float>(), outcome["rationale.soft"], 4);
    }

    [Fact]
    public void TokenSoftLabels_OfOtherPositions_GiveAnotherLoss()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        var rows = Plain.Select((row, i) => row with { TokenSoftLabels = Random(row, 3, seed: i) }).ToArray();
        var turned = rows.Select(row => row with { TokenSoftLabels = row.TokenSoftLabels! with { Ids = [.. row.TokenSoftLabels.Ids.Reverse()] } }).ToArray();
        double Soft(TaskRow[] of) => Tiny.See(model, [new("rationale", of)], null, new TokenSoftLabels("rationale", 1))["rationale.soft"];

        Assert.NotEqual(Soft(rows), Soft(turned), 2);
        Assert.Throws<ArgumentException>(() => Soft([rows[0] with { TokenSoftLabels = rows[0].TokenSoftLabels! with { Ids = [.. rows[0].TokenSoftLabels!.Ids.Select(_ => 40)] } }]));
        Assert.Throws<ArgumentException>(() => Soft([rows[0] with { Target = [.. rows[0].Target, 1] }]));
        Assert.Throws<ArgumentException>(() => Soft([rows[0] with { TokenSoftLabels = rows[0].TokenSoftLabels! with { Probabilities = new float[rows[0].TokenSoftLabels!.Ids.Length] } }]));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 2)]
    public void LabelSoftLabels_ClosedSet_AreTheDivergenceOfTheSetsDistributions(double temperature, int parts)
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        float[][] teacher = [[0.7f, 0.2f, 0.1f], [0, 1, 0], [0.3f, 0.3f, 0.4f], [0.05f, 0.05f, 0.9f], [1, 1, 2]];
        var rows = Plain.Select((row, i) => i == 3 ? row : row with { LabelSoftLabels = teacher[i], DecoderPrefix = [11, 12] }).ToArray();

        var outcome = Tiny.See(model, [new("label", rows, 0.5)], new TrainerOptions { AccumulationSteps = parts }, new LabelSoftLabels("label", Set, 0.5, temperature));

        var divergences = rows.Where(row => row.LabelSoftLabels is not null).Select(row => Divergence(row, [.. Set.Select(label => -Tiny.TokenLosses(model, row, label).Aggregate((a, b) => a + b))], temperature));
        var soft = temperature * temperature * Tiny.Mean(divergences);
        Tiny.AssertSaw(outcome, (0.5 * Tiny.TokenMean(model, rows)) + (0.5 * soft), model);
        Assert.Equal(soft.item<float>(), outcome["label.soft"], 4);
    }

    [Fact]
    public void LabelSoftLabels_Alone_TeachTheStudentTheTeachersDistribution()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        var rows = Plain.Select((row, i) => row with { LabelSoftLabels = i % 2 == 0 ? [0.8f, 0.15f, 0.05f] : [0.1f, 0.3f, 0.6f] }).ToArray();
        using var term = new LabelSoftLabels("label", Set, 1);
        using var optimizer = new AdamW(model);
        using var trainer = new DistillationTrainer(model, optimizer, null, [term]);
        var last = 0.0;
        for (var step = 0; step < 150; step++)
        {
            last = trainer.Step([new("label", rows, 0)], 5e-3)["label.soft"];
        }

        Assert.InRange(last, -1e-6, 0.01);
        Assert.Throws<ArgumentException>(() => trainer.Step([new("label", [rows[0] with { LabelSoftLabels = [1f] }])], 0));
    }

    private static TokenDistributions Random(TaskRow row, int width, int seed)
    {
        var random = new Random(seed);
        var ids = row.Target.SelectMany(id => Enumerable.Range(3, 37).Where(other => other != id).OrderBy(_ => random.Next()).Take(width - 1).Prepend(id)).ToArray();
        ids[^1] = -1;
        return new TokenDistributions(width, ids, [.. ids.Select(_ => 0.05f + (random.NextSingle() / width))]);
    }

    private static Tensor[] Divergences(TaskRow row, Tensor logits, double temperature)
    {
        var (soft, probabilities) = (row.TokenSoftLabels!, Tiny.Softmax(logits, temperature));
        return [.. row.Target.Select((_, t) =>
        {
            var places = Enumerable.Range(t * soft.Width, soft.Width).Where(i => soft.Ids[i] >= 0).ToArray();
            var sum = places.Sum(i => Math.Pow(soft.Probabilities[i], 1 / temperature));
            return places.Select(i =>
            {
                var p = Math.Pow(soft.Probabilities[i], 1 / temperature) / sum;
                return p * (Math.Log(p) - probabilities[t][soft.Ids[i]].log());
            }).Aggregate((a, b) => a + b);
        })];
    }

    private static Tensor Divergence(TaskRow row, Tensor[] scores, double temperature)
    {
        var powers = scores.Select(score => (score / temperature).exp()).ToArray();
        var (all, sum) = (powers.Aggregate((a, b) => a + b), row.LabelSoftLabels!.Sum(p => Math.Pow(p, 1 / temperature)));
        return row.LabelSoftLabels!.Select((probability, i) =>
        {
            var p = Math.Pow(probability, 1 / temperature) / sum;
            return p == 0 ? 0 * all : p * (Math.Log(p) - (powers[i] / all).log());
        }).Aggregate((a, b) => a + b);
    }
}
