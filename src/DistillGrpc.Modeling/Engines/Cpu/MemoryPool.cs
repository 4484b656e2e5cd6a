namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>
/// Memory of answers, in chunks with large pages: a step reads all that its rows have, and where answers are many that is more than the processor knows the
/// places of. What is finished is there for the next one, whatever its size: fresh memory costs a page fault.
/// </summary>
/// <param name="most">Bytes of chunks that are kept though nobody has any of them.</param>
internal sealed class MemoryPool(long most) : IDisposable
{
    // More than the C library keeps when it is freed.
    private const long ChunkBytes = 34L << 20;
    private const long Alignment = 4096;
    private readonly Lock _lock = new();
    private readonly List<MemoryChunk> _chunks = [];
    private bool _isDisposed;

    /// <summary>Bytes of all chunks.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _chunks.Sum(chunk => chunk.Bytes);
            }
        }
    }

    /// <summary>Memory of a size; what is in it is not said.</summary>
    public PooledMemory Rent(long bytes)
    {
        var length = (Math.Max(1, bytes) + Alignment - 1) / Alignment * Alignment;
        lock (_lock)
        {
            foreach (var chunk in _chunks)
            {
                if (chunk.Take(length) is var start and >= 0)
                {
                    return new PooledMemory(chunk, start, length);
                }
            }

            var added = new MemoryChunk(Math.Max(length, ChunkBytes));
            _chunks.Add(added);
            return new PooledMemory(added, added.Take(length), length);
        }
    }

    /// <summary>Takes it back.</summary>
    public void Return(PooledMemory memory)
    {
        lock (_lock)
        {
            memory.Chunk.Give(memory.Start, memory.Length);
            Trim(_isDisposed ? 0 : most);
        }
    }

    /// <summary>Frees what nobody has; the rest goes when it is given back.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            Trim(0);
        }
    }

    // The last ones first: what is asked for is looked for from the first.
    private void Trim(long kept)
    {
        var idle = _chunks.Sum(chunk => chunk.IsIdle ? chunk.Bytes : 0);
        for (var i = _chunks.Count - 1; i >= 0 && idle > kept; i--)
        {
            if (_chunks[i].IsIdle)
            {
                idle -= _chunks[i].Bytes;
                _chunks[i].Dispose();
                _chunks.RemoveAt(i);
            }
        }
    }
}
