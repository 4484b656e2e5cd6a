using System.Threading.Tasks.Sources;

namespace DistillGrpc.Student.Serving.Scheduling;

/// <summary>
/// Tokens on their way from the model's thread to the one that reads them, and how they end. Neither side waits for the other, and nothing is
/// allocated for a token.
/// </summary>
internal sealed class TokenFeed : IValueTaskSource<bool>
{
    private readonly Lock _lock = new();
    private readonly List<int> _tokens;
    private ManualResetValueTaskSourceCore<bool> _waiter = new() { RunContinuationsAsynchronously = true };
    private int _taken;
    private bool _isWaiting;
    private bool _isEnded;
    private Exception? _failure;

    /// <summary>A feed with room for a number of tokens; more fit, too.</summary>
    public TokenFeed(int capacity) => _tokens = new List<int>(capacity);

    /// <summary>Adds a token. Nothing happens where it has ended.</summary>
    public void Add(int token)
    {
        lock (_lock)
        {
            if (_isEnded)
            {
                return;
            }

            _tokens.Add(token);
            Wake(true);
        }
    }

    /// <summary>Ends it; the first end counts.</summary>
    /// <param name="failure">What the reader gets once it has read what there is; null for nothing.</param>
    public void End(Exception? failure)
    {
        lock (_lock)
        {
            if (!_isEnded)
            {
                (_isEnded, _failure) = (true, failure);
                Wake(false);
            }
        }
    }

    /// <summary>Takes the next token, if it is there.</summary>
    public bool TryRead(out int token)
    {
        lock (_lock)
        {
            token = _taken < _tokens.Count ? _tokens[_taken++] : -1;
            return token >= 0;
        }
    }

    /// <summary>Waits, one caller at a time, until there is a token (true), or none will come (false).</summary>
    public ValueTask<bool> WaitAsync()
    {
        lock (_lock)
        {
            if (_taken < _tokens.Count)
            {
                return new ValueTask<bool>(true);
            }

            if (_isEnded)
            {
                return _failure is null ? new ValueTask<bool>(false) : ValueTask.FromException<bool>(_failure);
            }

            _waiter.Reset();
            _isWaiting = true;
            return new ValueTask<bool>(this, _waiter.Version);
        }
    }

    bool IValueTaskSource<bool>.GetResult(short token) => _waiter.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _waiter.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _waiter.OnCompleted(continuation, state, token, flags);

    private void Wake(bool hasToken)
    {
        if (!_isWaiting)
        {
            return;
        }

        _isWaiting = false;
        if (_failure is null)
        {
            _waiter.SetResult(hasToken);
        }
        else
        {
            _waiter.SetException(_failure);
        }
    }
}
