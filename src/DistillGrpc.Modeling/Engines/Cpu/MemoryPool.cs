namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Memory of answers that are finished, for the next ones: fresh memory costs a page fault for every four kilobytes.</summary>
/// <param name="most">Bytes that are kept at most.</param>
internal sealed class MemoryPool(long most) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, Stack<NativeArray<byte>>> _free = [];
    private readonly LinkedList<long> _sizes = [];
    private long _kept;
    private bool _isDisposed;

    /// <summary>Memory of a size; what is in it is not said.</summary>
    public NativeArray<byte> Rent(long bytes)
    {
        lock (_lock)
        {
            if (_free.TryGetValue(bytes, out var stack) && stack.TryPop(out var memory))
            {
                _kept -= bytes;
                Touch(bytes);
                return memory;
            }
        }

        return new NativeArray<byte>(bytes, isCleared: false);
    }

    /// <summary>Takes it back.</summary>
    public void Return(NativeArray<byte> memory)
    {
        lock (_lock)
        {
            if (!_isDisposed && memory.Length <= most)
            {
                Touch(memory.Length);
                MakeRoom(memory.Length);
                if (!_free.TryGetValue(memory.Length, out var stack))
                {
                    _free[memory.Length] = stack = [];
                }

                stack.Push(memory);
                _kept += memory.Length;
                return;
            }
        }

        memory.Dispose();
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            foreach (var memory in _free.Values.SelectMany(stack => stack))
            {
                memory.Dispose();
            }

            _free.Clear();
        }
    }

    // The sizes that were asked for or given back last stand first.
    private void Touch(long bytes)
    {
        if (_sizes.First?.Value != bytes)
        {
            _sizes.Remove(bytes);
            _sizes.AddFirst(bytes);
        }
    }

    // What nobody has asked for the longest goes first: else sizes of yesterday would keep those of today out.
    private void MakeRoom(long bytes)
    {
        while (_kept + bytes > most && _sizes.Last is { } oldest)
        {
            if (_free.TryGetValue(oldest.Value, out var stack) && stack.TryPop(out var memory))
            {
                _kept -= memory.Length;
                memory.Dispose();
                continue;
            }

            _free.Remove(oldest.Value);
            _sizes.RemoveLast();
        }
    }
}
