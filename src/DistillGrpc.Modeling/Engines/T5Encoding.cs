namespace DistillGrpc.Modeling.Engines;

/// <summary>An input that an engine has read. Its memory goes when it and all sequences that were started from it are disposed.</summary>
public abstract class T5Encoding : IDisposable
{
    private int _holders = 1;
    private bool _isDisposed;

    /// <summary>Tokens that were read.</summary>
    public abstract int Length { get; }

    /// <summary>Lets go of it; sequences go on.</summary>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            Release();
        }

        GC.SuppressFinalize(this);
    }

    internal void Hold() => Interlocked.Increment(ref _holders);

    internal void Release()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            Free();
        }
    }

    /// <summary>Gives the memory back.</summary>
    protected abstract void Free();
}
