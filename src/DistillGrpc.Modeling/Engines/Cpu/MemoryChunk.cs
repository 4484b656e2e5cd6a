namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>A large piece of memory, of which parts are taken and given back; pages are as large as the system gives them.</summary>
internal sealed unsafe class MemoryChunk : IDisposable
{
    private readonly NativeArray<byte> _memory;
    // From the first to the last; none touches the next.
    private readonly List<(long Start, long Length)> _free;

    public MemoryChunk(long bytes)
    {
        _memory = new NativeArray<byte>(bytes, isCleared: false);
        LargePages.Ask(_memory.Pointer, bytes);
        _free = [(0, bytes)];
    }

    public byte* Pointer => _memory.Pointer;

    public long Bytes => _memory.Length;

    /// <summary>Whether nobody has any of it.</summary>
    public bool IsIdle => _free is [var all] && all.Length == Bytes;

    /// <summary>Takes the first part that is large enough.</summary>
    /// <returns>Where it begins, or -1 where there is none.</returns>
    public long Take(long length)
    {
        var place = _free.FindIndex(part => part.Length >= length);
        if (place < 0)
        {
            return -1;
        }

        var (start, room) = _free[place];
        if (room == length)
        {
            _free.RemoveAt(place);
        }
        else
        {
            _free[place] = (start + length, room - length);
        }

        return start;
    }

    /// <summary>Gives a part back.</summary>
    public void Give(long start, long length)
    {
        var next = _free.FindIndex(part => part.Start > start) is var found and >= 0 ? found : _free.Count;
        if (next < _free.Count && start + length == _free[next].Start)
        {
            length += _free[next].Length;
            _free.RemoveAt(next);
        }

        if (next > 0 && _free[next - 1] is var before && before.Start + before.Length == start)
        {
            _free[next - 1] = (before.Start, before.Length + length);
        }
        else
        {
            _free.Insert(next, (start, length));
        }
    }

    public void Dispose() => _memory.Dispose();
}
