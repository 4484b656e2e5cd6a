namespace DistillGrpc.Student.Tests.Serving;

/// <summary>
/// What an engine waits at until a test lets it go. Disposing opens it, so that a test that fails leaves nobody waiting (declare it behind the
/// Student, which is disposed after it); and nobody waits for ever.
/// </summary>
internal sealed class Gate : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly ManualResetEventSlim _open = new();

    public void Open() => _open.Set();

    public void Wait()
    {
        if (!_open.Wait(Patience))
        {
            throw new TimeoutException("The gate was not opened.");
        }
    }

    public void Dispose() => Open();
}
