using System.Runtime.InteropServices;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>A model's weights, one matrix behind the other in large pieces of memory: a decoder's step reads them all.</summary>
internal sealed unsafe class WeightMemory : IDisposable
{
    // More than the C library keeps when it is freed.
    private const long ChunkBytes = 34L << 20;
    private const int Alignment = 64;
    private readonly List<NativeArray<byte>> _chunks = [];
    private NativeArray<byte>? _current;
    private long _used;

    /// <summary>Takes so many bytes, all zero, at a cache line's start. They are there until the whole is disposed of.</summary>
    public byte* Take(long bytes)
    {
        var length = (bytes + Alignment - 1) / Alignment * Alignment;
        byte* memory;
        if (length >= ChunkBytes)
        {
            // One for itself: what the others share has room yet.
            memory = Add(length).Pointer;
        }
        else
        {
            if (_current is null || _used + length > ChunkBytes)
            {
                (_current, _used) = (Add(ChunkBytes), 0);
            }

            memory = _current.Pointer + _used;
            _used += length;
        }

        NativeMemory.Clear(memory, (nuint)bytes);
        return memory;
    }

    public void Dispose()
    {
        _chunks.ForEach(chunk => chunk.Dispose());
        _chunks.Clear();
        _current = null;
    }

    private NativeArray<byte> Add(long bytes)
    {
        var chunk = new NativeArray<byte>(bytes, isCleared: false);
        LargePages.Ask(chunk.Pointer, bytes);
        _chunks.Add(chunk);
        return chunk;
    }
}
