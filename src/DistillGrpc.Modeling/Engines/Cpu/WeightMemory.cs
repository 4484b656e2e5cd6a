using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>A model's weights, one matrix behind the other in large pieces of memory: a decoder's step reads them all.</summary>
internal sealed unsafe class WeightMemory : IDisposable
{
    // More than any C library keeps when it is freed.
    private const long ChunkBytes = 34L << 20;
    private const int Alignment = 64;
    private readonly List<TensorMemory> _chunks = [];
    private long _used;

    /// <summary>Takes so many bytes, all zero, at a cache line's start. They are there until the whole is disposed of.</summary>
    public Part Take(long bytes)
    {
        var length = (bytes + Alignment - 1) / Alignment * Alignment;
        if (_chunks.Count == 0 || _used + length > _chunks[^1].Length)
        {
            _chunks.Add(TensorMemory.InLargePages(Math.Max(length, ChunkBytes)));
            _used = 0;
        }

        var part = new Part(_chunks[^1], _used);
        _used += length;
        System.Runtime.InteropServices.NativeMemory.Clear(part.Pointer, (nuint)bytes);
        return part;
    }

    public void Dispose()
    {
        _chunks.ForEach(chunk => chunk.Dispose());
        _chunks.Clear();
    }

    /// <summary>A matrix's memory.</summary>
    /// <param name="Chunk">What it is a part of.</param>
    /// <param name="First">Its first byte there.</param>
    internal readonly record struct Part(TensorMemory Chunk, long First)
    {
        public byte* Pointer => Chunk.Pointer + First;

        /// <summary>A part of it as a matrix of bytes, in the caller's scope.</summary>
        public Tensor View(long first, long rows, long columns) => Chunk.View(First + first, rows, columns);
    }
}
