using DistillGrpc.Teacher.Spending;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>
/// How many calls are under way at once. An endpoint that throttles halves the number and is left alone for the time that it
/// asks for; every round of calls that get through raises it by one again (additive increase, multiplicative decrease).
/// </summary>
internal sealed class AdaptiveGate(int most, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Signal _changed = new();
    private double _window = most;
    private int _inside;
    private DateTimeOffset _closedUntil;
    private DateTimeOffset _lastCut;

    /// <summary>Calls that may be under way now.</summary>
    public int Window
    {
        get
        {
            lock (_lock)
            {
                return (int)_window;
            }
        }
    }

    /// <summary>Waits for a place.</summary>
    /// <returns>The time at which it was got, for <see cref="Leave"/>.</returns>
    public async ValueTask<DateTimeOffset> EnterAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var changed = _changed.Next;
            TimeSpan closed;
            lock (_lock)
            {
                var now = time.GetUtcNow();
                closed = _closedUntil - now;
                if (closed <= TimeSpan.Zero && _inside < (int)_window)
                {
                    _inside++;
                    return now;
                }
            }

            // A place that is given back while the gate is closed helps nobody.
            await (closed > TimeSpan.Zero ? Task.Delay(closed, time, cancellationToken) : changed.WaitAsync(cancellationToken));
        }
    }

    /// <summary>Gives a place back after a call that went through, or failed for a reason of its own.</summary>
    public void Leave(bool wentThrough)
    {
        lock (_lock)
        {
            _inside--;
            _window = wentThrough ? Math.Min(most, _window + (1 / _window)) : _window;
        }

        _changed.Raise();
    }

    /// <summary>Gives a place back after a call that was throttled.</summary>
    /// <param name="entered">When the place was got: calls that were under way together are cut for once.</param>
    /// <param name="wait">How long the endpoint wants to be left alone.</param>
    public void LeaveThrottled(DateTimeOffset entered, TimeSpan wait)
    {
        lock (_lock)
        {
            _inside--;
            var now = time.GetUtcNow();
            if (entered >= _lastCut)
            {
                (_window, _lastCut) = (Math.Max(1, _window / 2), now);
            }

            _closedUntil = now + wait > _closedUntil ? now + wait : _closedUntil;
        }

        _changed.Raise();
    }
}
