namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Keys and values of all the decoder's layers for one input, or one answer: (layers, keys and values, heads, capacity, width).</summary>
internal sealed unsafe class AttentionStore(MemoryPool pool, AttentionShape shape, int capacity) : IDisposable
{
    // Sixteen keys lie together.
    private const int Together = 16;
    private readonly int _places = (capacity + Together - 1) / Together * Together;
    private PooledMemory? _memory = pool.Rent(shape.Layers * 2L * shape.Heads * ((capacity + Together - 1) / Together * Together) * shape.RowBytes);

    /// <summary>Tokens that fit.</summary>
    public int Capacity => capacity;

    /// <summary>A head's keys, (capacity, width).</summary>
    public byte* Keys(int layer, int head) => At(layer, 0, head);

    /// <summary>A head's values, (capacity, width).</summary>
    public byte* Values(int layer, int head) => At(layer, 1, head);

    /// <summary>Takes over the first so many tokens of another one.</summary>
    public void Copy(AttentionStore from, int length)
    {
        for (var layer = 0; layer < shape.Layers; layer++)
        {
            for (var head = 0; head < shape.Heads; head++)
            {
                var bytes = (long)((length + Together - 1) / Together * Together) * shape.RowBytes;
                Buffer.MemoryCopy(from.Keys(layer, head), Keys(layer, head), bytes, bytes);
                Buffer.MemoryCopy(from.Values(layer, head), Values(layer, head), bytes, bytes);
            }
        }
    }

    public void Dispose()
    {
        if (_memory is { } memory)
        {
            _memory = null;
            pool.Return(memory);
        }
    }

    private byte* At(int layer, int part, int head) => _memory!.Pointer + (((layer * 2L + part) * shape.Heads + head) * _places * shape.RowBytes);
}
