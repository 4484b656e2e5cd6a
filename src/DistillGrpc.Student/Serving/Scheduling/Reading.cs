using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Student.Serving.Scheduling;

/// <summary>An input that the generations of a request share: it is read once. Used on the model's thread only, but for being made.</summary>
internal sealed class Reading
{
    private bool _isReleased;

    /// <summary>What was read; null before.</summary>
    public T5Encoding? Encoding { get; set; }

    /// <summary>Whether it was read.</summary>
    public bool IsRead => Encoding is not null;

    /// <summary>The request has no further generations.</summary>
    public void Release()
    {
        _isReleased = true;
        Encoding?.Dispose();
    }

    /// <summary>A generation of it is over.</summary>
    public void GenerationEnded()
    {
        if (_isReleased)
        {
            Encoding?.Dispose();
        }
    }
}
