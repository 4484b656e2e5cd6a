using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// Floating point operations of a training step, counted from shapes, padding included but for the head, which sees none: two
/// for every weight of a matrix and token and for every product in attention, and twice that again for the backward pass.
/// </summary>
public static class TrainingFlops
{
    /// <summary>Operations of one step: the inputs of all tasks are padded together, an input that several rows share counts once, each task's targets are padded by themselves.</summary>
    public static double OfStep(T5Config config, params IReadOnlyList<IReadOnlyList<TaskRow>> tasks)
    {
        var inputs = tasks.SelectMany(rows => rows).Select(row => row.Input).Distinct().ToArray();
        if (inputs.Length == 0)
        {
            return 0;
        }

        var longest = inputs.Max(input => input.Length);
        var forward = Encoder(config, inputs.Length, longest)
            + tasks.Where(rows => rows.Count > 0).Sum(rows => Decoder(config, rows.Count, rows.Max(row => row.DecoderPrefix.Count + row.Target.Length), rows.Sum(row => row.Target.Length), longest));
        return 3 * forward;
    }

    private static double Encoder(T5Config c, double rows, double length) =>
        2 * rows * length * c.EncoderLayers * (Projections(c) + FeedForward(c) + (2 * length * Inner(c)));

    private static double Decoder(T5Config c, double rows, double length, double targets, double inputs)
    {
        var perToken = (1.5 * Projections(c)) + FeedForward(c) + (2 * (length + inputs) * Inner(c));
        var ofInputs = rows * inputs * 2 * c.ModelSize * Inner(c);
        return 2 * ((rows * length * c.DecoderLayers * perToken) + (targets * c.ModelSize * c.VocabularySize) + (c.DecoderLayers * ofInputs));
    }

    private static double Inner(T5Config c) => c.Heads * c.HeadSize;

    private static double Projections(T5Config c) => 4.0 * c.ModelSize * Inner(c);

    private static double FeedForward(T5Config c) => (c.Gated ? 3.0 : 2.0) * c.ModelSize * c.FeedForwardSize;
}
