using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>
/// Collects the likeliest tokens of every step while a batch is decoded, with their log-probabilities: the logarithm of the
/// softmax over the model's whole vocabulary, whatever else is in the batch.
/// </summary>
/// <param name="count">How many a step, at least 1; never more than the vocabulary has.</param>
public sealed class LikelyTokens(int count)
{
    private readonly List<List<(int Id, float LogProbability)[]>> _rows = [];

    /// <summary>For every row its steps, for every step the token that was written, then others, best first.</summary>
    public IReadOnlyList<IReadOnlyList<IReadOnlyList<(int Id, float LogProbability)>>> Rows => _rows;

    /// <summary>Takes a step of greedy decoding.</summary>
    /// <param name="logits">(B, V).</param>
    /// <param name="written">(B): the likeliest token of each row.</param>
    /// <param name="isOpen">Whether a row still goes on.</param>
    internal void Add(Tensor logits, long[] written, Predicate<int> isOpen)
    {
        using var scope = NewDisposeScope();
        var (values, ids) = logits.to(float32).log_softmax(1).topk((int)Math.Min(count, logits.shape[1]), 1);
        var (best, bestIds, width) = (values.cpu().data<float>().ToArray(), ids.cpu().data<long>().ToArray(), (int)values.shape[1]);
        for (var row = 0; row < written.Length; row++)
        {
            if (_rows.Count == row)
            {
                _rows.Add([]);
            }

            if (isOpen(row))
            {
                _rows[row].Add(Step(written[row], best.AsSpan(row * width, width), bestIds.AsSpan(row * width, width)));
            }
        }
    }

    // Of several that are equally likely argmax may write another than topk puts first: what was written has the highest value in any case.
    private static (int Id, float LogProbability)[] Step(long written, ReadOnlySpan<float> values, ReadOnlySpan<long> ids)
    {
        var step = new (int, float)[values.Length];
        step[0] = ((int)written, values[0]);
        for (var (from, to) = (0, 1); to < step.Length; from++)
        {
            if (ids[from] != written)
            {
                step[to++] = ((int)ids[from], values[from]);
            }
        }

        return step;
    }
}
