namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>An input that was read: its keys and values for every layer of the decoder.</summary>
internal sealed class CpuEncoding(CpuEngine engine, AttentionStore store, int length) : T5Encoding
{
    public CpuEngine Engine => engine;

    public AttentionStore Store => store;

    public override int Length => length;

    protected override void Free() => store.Dispose();
}
