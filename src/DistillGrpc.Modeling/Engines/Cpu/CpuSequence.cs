namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>An answer: the keys and values of what was written.</summary>
internal sealed class CpuSequence(CpuEncoding encoding, AttentionStore store) : T5Sequence(encoding, store.Capacity)
{
    public CpuEncoding Input => encoding;

    public AttentionStore Store => store;

    /// <summary>The last step that it was in.</summary>
    public long Round { get; set; }

    /// <summary>A step is made.</summary>
    public void Take(int likeliest) => (Length, Likeliest) = (Length + 1, likeliest);

    protected override void Free() => store.Dispose();
}
