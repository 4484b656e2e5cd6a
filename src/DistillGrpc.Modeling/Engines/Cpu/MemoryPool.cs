namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Memory of answers that are finished, for the next ones: fresh memory costs a page fault for every four kilobytes.</summary>
/// <param name="most">Bytes that are kept at most.</param>
internal sealed class MemoryPool(long most) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, Stack<NativeArray<byte>>> _free = [];
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
                return memory;
            }
        }

        return new NativeArray<byte>(bytes);
    }

    /// <summary>Takes it back.</summary>
    public void Return(NativeArray<byte> memory)
    {
        lock (_lock)
        {
            if (!_isDisposed && _kept + memory.Length <= most)
            {
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
}
