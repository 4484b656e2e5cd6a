using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Student.Operating;

/// <summary>Counts the calls for answers that are inside, and lets no more in while the process is drained. Used by any thread.</summary>
internal sealed class InferenceGate(TimeProvider time)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);
    private readonly Lock _lock = new();
    private readonly Signal _changed = new();
    private volatile bool _isDraining;
    private int _inside;

    /// <summary>Whether no more are let in.</summary>
    public bool IsDraining => _isDraining;

    /// <summary>Calls that are inside.</summary>
    public int Inside
    {
        get
        {
            lock (_lock)
            {
                return _inside;
            }
        }
    }

    /// <summary>Lets a call in.</summary>
    /// <exception cref="RpcException">UNAVAILABLE while the process is drained.</exception>
    public void Enter()
    {
        lock (_lock)
        {
            _inside += _isDraining ? throw RpcFailure.Unavailable("DRAINING", "The Student is being drained: it takes no further requests.", RetryAfter) : 1;
        }
    }

    /// <summary>A call has ended.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            _inside--;
        }

        if (_isDraining)
        {
            _changed.Raise();
        }
    }

    /// <summary>Lets no more calls in, and waits for those that are.</summary>
    /// <param name="wait">How long; null for as long as it takes.</param>
    /// <param name="cancellationToken">Ends the waiting alone.</param>
    /// <returns>Calls that are still inside.</returns>
    /// <exception cref="RpcException">ABORTED where calls are let in again meanwhile.</exception>
    public async Task<int> DrainAsync(TimeSpan? wait, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _isDraining = true;
        }

        using var late = new CancellationTokenSource(wait ?? Timeout.InfiniteTimeSpan, time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        while (true)
        {
            var next = _changed.Next;
            if (!_isDraining)
            {
                throw RpcFailure.Of(StatusCode.Aborted, "RESUMED", "The Student takes requests again.");
            }

            if (Inside is var inside && (inside == 0 || late.IsCancellationRequested))
            {
                return inside;
            }

            await next.WaitAsync(ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Lets calls in again.</summary>
    public void Resume()
    {
        lock (_lock)
        {
            _isDraining = false;
        }

        _changed.Raise();
    }
}
