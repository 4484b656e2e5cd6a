using System.Runtime.InteropServices;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>A model's weights, one matrix behind the other in large pieces of memory: a decoder's step reads them all.</summary>
internal sealed unsafe class WeightMemory : IDisposable
{
    // More than the C library keeps when it is freed.
    private const long ChunkBytes = 34L << 20;
    private const int Alignment = 64;
    private readonly List<NativeArray<byte>> _chunks = [];
    private long _used;

    /// <summary>Takes so many bytes, all zero, at a cache line's start. They are there until the whole is disposed of.</summary>
    public byte* Take(long bytes)
    {
        var length = (bytes + Alignment - 1) / Alignment * Alignment;
        if (_chunks.Count == 0 || _used + length > _chunks[^1].Length)
        {
            _chunks.Add(new NativeArray<byte>(Math.Max(length, ChunkBytes), isCleared: false));
            LargePages.Ask(_chunks[^1].Pointer, _chunks[^1].Length);
            _used = 0;
        }

        var memory = _chunks[^1].Pointer + _used;
        _used += length;
        NativeMemory.Clear(memory, (nuint)bytes);
        return memory;
    }

    public void Dispose()
    {
        _chunks.ForEach(chunk => chunk.Dispose());
        _chunks.Clear();
    }
}
