using System.Runtime.ExceptionServices;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>
/// Threads that do a piece of work together, in phases. They stay awake for a moment after it, since a decoder's next step is due within microseconds,
/// and then sleep. Several engines may share a team; they take turns.
/// </summary>
public sealed class WorkerTeam : IDisposable
{
    // About 20 microseconds of spinning, then turns are given away, then to sleep.
    private const int Spins = 400;
    private const int Yields = 200;
    private readonly Thread[] _threads;
    private readonly Worker[] _workers;
    private readonly object _bed = new();
    private readonly Lock _turn = new();
    private Action<Worker>? _work;
    private volatile ExceptionDispatchInfo? _failure;
    private volatile int _round;
    private int _done;
    private volatile int _phase;
    private int _arrived;
    private int _next;
    private int _asleep;
    private volatile bool _isDisposed;

    /// <summary>Starts the threads; the caller of <see cref="Run"/> is one of them.</summary>
    /// <param name="size">Threads, at least one.</param>
    public WorkerTeam(int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        _workers = [.. Enumerable.Range(0, size).Select(index => new Worker(this, index))];
        _threads = [.. _workers.Skip(1).Select(worker => new Thread(() => Loop(worker)) { IsBackground = true, Name = $"engine {worker.Index}" })];
        Array.ForEach(_threads, thread => thread.Start());
    }

    /// <summary>Threads.</summary>
    public int Size => _workers.Length;

    /// <summary>Does a piece of work on all threads, and returns when all are done.</summary>
    /// <param name="work">A thread's part.</param>
    /// <exception cref="Exception">What the first of them threw.</exception>
    internal void Run(Action<Worker> work)
    {
        lock (_turn)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            (_work, _failure, _next, _arrived, _done) = (work, null, 0, 0, 0);
            Interlocked.Increment(ref _round);
            if (Volatile.Read(ref _asleep) > 0)
            {
                WakeAll();
            }

            Do(_workers[0]);
            for (var i = 0; Volatile.Read(ref _done) < _workers.Length; i++)
            {
                Pause(i);
            }

            _work = null;
            _failure?.Throw();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_turn)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
        }

        WakeAll();
        Array.ForEach(_threads, thread => thread.Join());
    }

    // The next of a phase's items, counted from 0.
    internal int Next() => Interlocked.Increment(ref _next) - 1;

    // All have arrived when it returns; the items begin anew. Where one has failed, all give up.
    internal void Meet()
    {
        var phase = _phase;
        if (Interlocked.Increment(ref _arrived) == _workers.Length)
        {
            (_arrived, _next) = (0, 0);
            _phase = phase + 1;
            return;
        }

        for (var i = 0; _phase == phase; i++)
        {
            if (_failure is not null)
            {
                throw new OperationCanceledException("Another worker has failed.");
            }

            Pause(i);
        }
    }

    private void WakeAll()
    {
        lock (_bed)
        {
            Monitor.PulseAll(_bed);
        }
    }

    private void Do(Worker worker)
    {
        try
        {
            _work!(worker);
        }
        catch (Exception failure)
        {
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(failure), null);
        }

        Interlocked.Increment(ref _done);
    }

    private void Loop(Worker worker)
    {
        for (var round = 0; !_isDisposed;)
        {
            if (WaitForWork(round))
            {
                round = _round;
                Do(worker);
            }
        }
    }

    private bool WaitForWork(int round)
    {
        for (var i = 0; i < Spins + Yields; i++)
        {
            if (_round != round)
            {
                return true;
            }

            Pause(i);
        }

        Interlocked.Increment(ref _asleep);
        lock (_bed)
        {
            while (_round == round && !_isDisposed)
            {
                Monitor.Wait(_bed);
            }
        }

        Interlocked.Decrement(ref _asleep);
        return _round != round;
    }

    private static void Pause(int waited)
    {
        if (waited < Spins)
        {
            Thread.SpinWait(4);
        }
        else
        {
            Thread.Yield();
        }
    }
}
