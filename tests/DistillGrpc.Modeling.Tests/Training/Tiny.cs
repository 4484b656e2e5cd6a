using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Training;

/// <summary>A tiny student, rows for it, and what a loss is made of computed row by row, without batches or padding.</summary>
internal static class Tiny
{
    public static readonly T5Config Config = new()
    {
        VocabularySize = 40,
        ModelSize = 16,
        HeadSize = 4,
        FeedForwardSize = 24,
        Heads = 4,
        EncoderLayers = 2,
        DecoderLayers = 2,
        Dropout = 0,
    };

    public static T5Model Model(int seed = 1, double dropout = 0) => T5Model.Seeded(Config with { Dropout = dropout }, seed);

    /// <summary>Rows of all lengths; equal numbers of rows have equal examples and, by seed, other targets.</summary>
    public static TaskRow[] Rows(int count, int seed, int longestTarget = 7)
    {
        var random = new Random(seed);
        int[] Ids(int length) => [.. Enumerable.Range(0, length).Select(_ => random.Next(3, 40)), 1];
        return [.. Enumerable.Range(0, count).Select(i => new TaskRow(Ids(random.Next(2, 9)), Ids(random.Next(1, longestTarget))) { Example = i })];
    }

    /// <summary>Logits of one row's target, (T, V).</summary>
    public static Tensor Logits(T5Model model, TaskRow row, int[]? target = null)
    {
        target ??= row.Target;
        var encoded = model.Encode(tensor(Longs(row.Input), 1, row.Input.Length), ones([1, row.Input.Length], int64));
        long[] read = [model.Config.DecoderStartId, .. Longs([.. row.DecoderPrefix]), .. Longs(target[..^1])];
        return model.Decode(encoded, ones([1, row.Input.Length], int64), tensor(read, 1, read.Length))
            .squeeze(0).narrow(0, row.DecoderPrefix.Count, target.Length);
    }

    /// <summary>exp(z / T) over its sum.</summary>
    public static Tensor Softmax(Tensor logits, double temperature = 1)
    {
        var powers = (logits / temperature).exp();
        return powers / powers.sum(-1, keepdim: true);
    }

    /// <summary>Minus the logarithms of the target's probabilities, one a token.</summary>
    public static Tensor[] TokenLosses(T5Model model, TaskRow row) => TokenLosses(model, row, row.Target);

    public static Tensor[] TokenLosses(T5Model model, TaskRow row, int[] target)
    {
        var probabilities = Softmax(Logits(model, row, target));
        return [.. target.Select((id, t) => -probabilities[t][id].log())];
    }

    public static Tensor Mean(IEnumerable<Tensor> values)
    {
        var all = values.ToArray();
        return all.Aggregate((sum, value) => sum + value) / all.Length;
    }

    public static Tensor TokenMean(T5Model model, IEnumerable<TaskRow> rows) => Mean(rows.SelectMany(row => TokenLosses(model, row)));

    /// <summary>That a step saw this loss, and, by its norm, this loss's gradient. The step has not moved the parameters: its rate is 0.</summary>
    public static void AssertSaw(StepOutcome outcome, Tensor loss, T5Model model, double tolerance = 2e-5)
    {
        Assert.Equal(loss.item<float>(), outcome.Loss, tolerance * Math.Max(1, Math.Abs(outcome.Loss)));
        var norm = GradientNorm(loss, model);
        Assert.Equal(norm, outcome.GradientNorm, 5 * tolerance * Math.Max(1, norm));
    }

    public static double GradientNorm(Tensor loss, T5Model model)
    {
        model.zero_grad();
        loss.backward();
        var squares = model.parameters().Where(parameter => parameter.grad is not null).Sum(parameter => Math.Pow(parameter.grad!.norm().item<float>(), 2));
        model.zero_grad();
        return Math.Sqrt(squares);
    }

    /// <summary>One step at rate 0.</summary>
    public static StepOutcome See(T5Model model, IReadOnlyList<TaskBatch> tasks, TrainerOptions? options = null, params LossTerm[] terms)
    {
        using var optimizer = new AdamW(DistillationTrainer.LearntParameters(model, terms));
        using var trainer = new DistillationTrainer(model, optimizer, options, terms);
        return trainer.Step(tasks, 0);
    }

    public static float[] Numbers(T5Model model) => [.. model.parameters().SelectMany(parameter => parameter.data<float>().ToArray())];

    private static long[] Longs(int[] ids) => Array.ConvertAll(ids, id => (long)id);
}
