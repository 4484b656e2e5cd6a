namespace DistillGrpc.Modeling.Decoding;

/// <summary>A step's logits of the tokens that may follow.</summary>
/// <param name="allowed">What all answers keep to; null: anything.</param>
internal sealed class AllowedLogits(TokenTrie? allowed)
{
    private readonly float[] _some = new float[allowed?.Widest ?? 0];

    /// <summary>The logits.</summary>
    /// <param name="row">(V).</param>
    /// <param name="ids">The tokens that may follow; null: all.</param>
    /// <returns>One for each; valid until the next call.</returns>
    public ReadOnlySpan<float> Of(ReadOnlySpan<float> row, int[]? ids)
    {
        if (ids is null)
        {
            return row;
        }

        // Where there is no choice the engine was asked for nothing, and any number will do.
        _some[0] = 0;
        for (var i = 0; i < ids.Length && ids.Length > 1; i++)
        {
            _some[i] = row[ids[i]];
        }

        return _some.AsSpan(0, ids.Length);
    }
}
