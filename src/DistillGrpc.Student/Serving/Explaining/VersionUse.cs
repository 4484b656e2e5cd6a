namespace DistillGrpc.Student.Serving.Explaining;

/// <summary>A version that somebody explains with. Until it is disposed one that was loaded for this stays.</summary>
/// <param name="served">The version.</param>
/// <param name="end">Called when it is no longer used.</param>
internal sealed class VersionUse(ServedModel served, Action end) : IDisposable
{
    private Action? _end = end;

    /// <summary>The version, loaded.</summary>
    public ServedModel Served => served;

    public void Dispose() => Interlocked.Exchange(ref _end, null)?.Invoke();
}
