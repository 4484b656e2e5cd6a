namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>A feed-forward layer's weights.</summary>
/// <param name="Norm">(model size, filled up), the norm in front of it.</param>
/// <param name="In">To the inner size; with a gate, what is activated, then what it is multiplied with.</param>
/// <param name="Out">Back to the model's size.</param>
internal sealed record CpuFeedForwardWeights(NativeArray<float> Norm, WeightMatrix In, WeightMatrix Out) : IDisposable
{
    public long Bytes => In.Bytes + Out.Bytes;

    public void Dispose() => Norm.Dispose();
}
