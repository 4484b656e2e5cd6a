using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>
/// Where decoding stands: the keys and values of what was written, in memory of fixed size, and those of the input. It
/// belongs to no dispose scope: whoever started it disposes it.
/// </summary>
public sealed class T5DecoderState : IDisposable
{
    internal T5DecoderState(T5AttentionCache[] self, T5AttentionCache[] cross, Tensor positionBias, Tensor crossBias, int maxLength)
    {
        (Self, Cross, PositionBias, CrossBias, MaxLength) = (self, cross, positionBias, crossBias, maxLength);
        foreach (var tensor in Tensors)
        {
            tensor.DetachFromDisposeScope();
        }
    }

    /// <summary>Steps that fit.</summary>
    public int MaxLength { get; }

    /// <summary>Steps made.</summary>
    public int Length { get; private set; }

    internal T5AttentionCache[] Self { get; }

    internal T5AttentionCache[] Cross { get; }

    internal Tensor PositionBias { get; }

    internal Tensor CrossBias { get; }

    private IEnumerable<Tensor> Tensors => Self.Concat(Cross).SelectMany(cache => new[] { cache.Key, cache.Value }).Append(PositionBias).Append(CrossBias);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in Tensors)
        {
            tensor.Dispose();
        }
    }

    internal int Advance() =>
        Length < MaxLength ? Length++ : throw new InvalidOperationException($"All {MaxLength} steps of this state are made.");
}
