using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>Writes the likeliest token at every step.</summary>
public static class GreedyDecoder
{
    /// <summary>Decodes a batch until every row has ended.</summary>
    /// <param name="model">The model, in evaluation mode.</param>
    /// <param name="inputIds">(B, S), int64.</param>
    /// <param name="attentionMask">(B, S), int64.</param>
    /// <param name="maxTokens">Most tokens for a row.</param>
    /// <param name="onToken">Called for every token as it comes, with its row; the end-of-sequence token included.</param>
    /// <param name="onEncoded">Called when the input has been read.</param>
    /// <param name="likely">Collects the likeliest tokens of every step; null costs nothing.</param>
    /// <param name="prefix">What every row is made to begin with, behind the start id; it is neither given back nor counted. Default nothing.</param>
    /// <param name="cancellationToken">Looked at before every step.</param>
    /// <returns>For every row its tokens, up to and with the end-of-sequence token where it came.</returns>
    /// <exception cref="OperationCanceledException">Decoding was cancelled.</exception>
    public static int[][] Decode(
        T5Model model,
        Tensor inputIds,
        Tensor attentionMask,
        int maxTokens,
        Action<int, int>? onToken = null,
        Action? onEncoded = null,
        LikelyTokens? likely = null,
        IReadOnlyList<int>? prefix = null,
        CancellationToken cancellationToken = default)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        cancellationToken.ThrowIfCancellationRequested();
        var encoded = model.Encode(inputIds, attentionMask);
        onEncoded?.Invoke();
        return DecodeEncoded(model, encoded, attentionMask, maxTokens, onToken, likely, prefix, cancellationToken);
    }

    /// <summary>Decodes a batch that has been read: with the task's prefix on the decoder one reading serves all tasks.</summary>
    /// <param name="model">The model, in evaluation mode.</param>
    /// <param name="encoded">(B, S, D), from <see cref="T5Model.Encode(Tensor, Tensor)"/>.</param>
    /// <param name="attentionMask">(B, S), int64.</param>
    /// <param name="maxTokens">Most tokens for a row.</param>
    /// <param name="onToken">Called for every token as it comes, with its row; the end-of-sequence token included.</param>
    /// <param name="likely">Collects the likeliest tokens of every step; null costs nothing.</param>
    /// <param name="prefix">What every row is made to begin with, behind the start id; it is neither given back nor counted. Default nothing.</param>
    /// <param name="cancellationToken">Looked at before every step.</param>
    /// <returns>For every row its tokens, up to and with the end-of-sequence token where it came.</returns>
    /// <exception cref="OperationCanceledException">Decoding was cancelled.</exception>
    public static int[][] DecodeEncoded(
        T5Model model,
        Tensor encoded,
        Tensor attentionMask,
        int maxTokens,
        Action<int, int>? onToken = null,
        LikelyTokens? likely = null,
        IReadOnlyList<int>? prefix = null,
        CancellationToken cancellationToken = default)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        prefix ??= [];
        var steps = prefix.Count + maxTokens;
        using var state = model.StartDecoding(encoded, attentionMask, steps);
        var rows = Enumerable.Range(0, (int)encoded.shape[0]).Select(_ => new List<int>()).ToArray();
        var last = Force(model, state, rows.Length, prefix);
        while (state.Length < steps && !Array.TrueForAll(rows, row => HasEnded(row, model)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            last = NextTokens(model, state, last, likely, row => !HasEnded(rows[row], model));
            for (var row = 0; row < rows.Length; row++)
            {
                if (!HasEnded(rows[row], model))
                {
                    rows[row].Add((int)last[row]);
                    onToken?.Invoke(row, (int)last[row]);
                }
            }
        }

        return Array.ConvertAll(rows, row => row.ToArray());
    }

    private static bool HasEnded(List<int> row, T5Model model) => row.Count > 0 && row[^1] == model.Config.EosId;

    // Reads the start id and the prefix but for its last token, which is what the first step reads.
    private static long[] Force(T5Model model, T5DecoderState state, int rows, IReadOnlyList<int> prefix)
    {
        var last = Enumerable.Repeat((long)model.Config.DecoderStartId, rows).ToArray();
        foreach (var token in prefix)
        {
            using var scope = NewDisposeScope();
            model.Step(state, tensor(last, rows, 1, device: state.CrossBias.device));
            Array.Fill(last, token);
        }

        return last;
    }

    private static long[] NextTokens(T5Model model, T5DecoderState state, long[] last, LikelyTokens? likely, Predicate<int> isOpen)
    {
        using var scope = NewDisposeScope();
        var logits = model.Step(state, tensor(last, last.Length, 1, device: state.CrossBias.device));
        var next = logits.argmax(1).cpu().data<long>().ToArray();
        likely?.Add(logits, next, isOpen);
        return next;
    }
}
