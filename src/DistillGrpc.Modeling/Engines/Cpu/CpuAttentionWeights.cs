namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>An attention layer's weights.</summary>
/// <param name="Norm">(model size, filled up), the norm in front of it.</param>
/// <param name="Query">In self-attention a head's query, key and value behind one another, head by head; in cross-attention the queries.</param>
/// <param name="Encoded">In cross-attention a head's key and value of the input behind one another; else null.</param>
/// <param name="Out">Back to the model's size.</param>
internal sealed record CpuAttentionWeights(NativeArray<float> Norm, WeightMatrix Query, WeightMatrix? Encoded, WeightMatrix Out) : IDisposable
{
    public long Bytes => Query.Bytes + (Encoded?.Bytes ?? 0) + Out.Bytes;

    public void Dispose() => Norm.Dispose();
}
