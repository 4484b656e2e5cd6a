namespace DistillGrpc.Modeling.Engines;

/// <summary>An answer in a slot of the engine's caches.</summary>
internal sealed class TorchSequence(TorchCaches caches, T5Encoding encoding, int maxLength) : T5Sequence(encoding, maxLength)
{
    public TorchCaches Caches => caches;

    // It moves when another one goes.
    public int Slot { get; set; } = -1;

    protected override void Free() => caches.Remove(this);
}
