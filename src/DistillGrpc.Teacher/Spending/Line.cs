namespace DistillGrpc.Teacher.Spending;

/// <summary>Lets in one at a time, first come first served.</summary>
internal sealed class Line
{
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Waits for the turn, which ends when what comes back is disposed.</summary>
    public async ValueTask<IDisposable> EnterAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        return new Turn(_turn);
    }

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
