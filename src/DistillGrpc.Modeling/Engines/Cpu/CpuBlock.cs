namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>A block's weights.</summary>
/// <param name="Self">Attention to itself.</param>
/// <param name="Cross">Attention to the input; null in the encoder.</param>
/// <param name="FeedForward">The feed-forward layer.</param>
internal sealed record CpuBlock(CpuAttentionWeights Self, CpuAttentionWeights? Cross, CpuFeedForwardWeights FeedForward) : IDisposable
{
    public long Bytes => Self.Bytes + (Cross?.Bytes ?? 0) + FeedForward.Bytes;

    public void Dispose()
    {
        Self.Dispose();
        Cross?.Dispose();
        FeedForward.Dispose();
    }
}
