namespace DistillGrpc.Modeling.Engines;

/// <summary>An answer that is being written: what it has read so far, in memory of fixed size.</summary>
public abstract class T5Sequence : IDisposable
{
    private readonly T5Encoding _encoding;
    private bool _isDisposed;

    /// <summary>A sequence of an input, which it holds.</summary>
    protected T5Sequence(T5Encoding encoding, int maxLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxLength);
        (_encoding, MaxLength) = (encoding, maxLength);
        encoding.Hold();
    }

    /// <summary>The input.</summary>
    public T5Encoding Encoding => _encoding;

    /// <summary>Steps that fit.</summary>
    public int MaxLength { get; }

    /// <summary>Steps made.</summary>
    public int Length { get; protected internal set; }

    /// <summary>
    /// Of the last step, the token with the largest logit, of equal ones the first: where the row wanted all of the vocabulary, all of its logits are finite
    /// numbers, and the engine has looked while they were near. Else -1.
    /// </summary>
    public int Likeliest { get; protected internal set; } = -1;

    /// <summary>Gives its memory back.</summary>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            Free();
            _encoding.Release();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Gives the memory back.</summary>
    protected abstract void Free();
}
