namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>A part of a <see cref="MemoryPool"/>, until it is given back.</summary>
internal sealed unsafe class PooledMemory(MemoryChunk chunk, long start, long length)
{
    public MemoryChunk Chunk => chunk;

    public long Start => start;

    public long Length => length;

    public byte* Pointer => chunk.Pointer + start;
}
