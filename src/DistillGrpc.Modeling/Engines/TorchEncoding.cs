using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Modeling.Engines;

/// <summary>An input as the decoder's blocks see it: keys and values, each (1, H, S, d_kv).</summary>
internal sealed class TorchEncoding(T5AttentionCache[] cross, int length) : T5Encoding
{
    public override int Length => length;

    public T5AttentionCache[] Cross => cross;

    protected override void Free()
    {
        foreach (var (key, value) in cross)
        {
            key.Dispose();
            value.Dispose();
        }
    }
}
