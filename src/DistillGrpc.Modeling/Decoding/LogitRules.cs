using System.Buffers;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>What was written changes what may follow: repetition penalty, then no-repeat n-grams, as Hugging Face's logits processors.</summary>
internal static class LogitRules
{
    public static bool Any(DecodingOptions options) => options.RepetitionPenalty != 1 || options.NoRepeatNgram > 0;

    /// <summary>Applies them.</summary>
    /// <param name="options">Which.</param>
    /// <param name="history">The start id, the prefix, and what is written.</param>
    /// <param name="scores">Logits, or log-probabilities; of some ids only, those. A banned one becomes negative infinity.</param>
    /// <param name="ids">The ids of the scores, ascending; null: every id has a score.</param>
    public static void Apply(DecodingOptions options, ReadOnlySpan<int> history, Span<float> scores, int[]? ids)
    {
        if (options.RepetitionPenalty != 1)
        {
            // Once for a token, however often it was there.
            var rented = ArrayPool<int>.Shared.Rent(history.Length);
            var sorted = rented.AsSpan(0, history.Length);
            history.CopyTo(sorted);
            sorted.Sort();
            for (var i = 0; i < sorted.Length; i++)
            {
                if ((i == 0 || sorted[i] != sorted[i - 1]) && Index(sorted[i], scores.Length, ids) is >= 0 and var at)
                {
                    scores[at] = (float)(scores[at] < 0 ? scores[at] * options.RepetitionPenalty : scores[at] / options.RepetitionPenalty);
                }
            }

            ArrayPool<int>.Shared.Return(rented);
        }

        if (options.NoRepeatNgram is > 0 and var n && history.Length + 1 >= n)
        {
            var last = history[^(n - 1)..];
            for (var i = 0; i <= history.Length - n; i++)
            {
                if (history.Slice(i, n - 1).SequenceEqual(last) && Index(history[i + n - 1], scores.Length, ids) is >= 0 and var at)
                {
                    scores[at] = float.NegativeInfinity;
                }
            }
        }
    }

    private static int Index(int token, int count, int[]? ids) => ids is null ? (token < count ? token : -1) : Array.BinarySearch(ids, token);
}
