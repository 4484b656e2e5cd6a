namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>Collects questions until they are enough for a batch, or none has come for a while.</summary>
internal sealed class CollectedQuestions : IDisposable
{
    // Well below what an endpoint takes.
    private const long MaxBytes = 100_000_000;

    private readonly BatchOptions _options;
    private readonly Action<List<CollectedQuestion>> _send;
    private readonly ITimer _quiet;
    private readonly Lock _lock = new();
    private HashSet<CollectedQuestion> _waiting = [];
    private long _bytes;

    /// <summary>Begins to collect.</summary>
    /// <param name="options">How much and how long.</param>
    /// <param name="send">Takes what belongs into one batch; on any thread, and must not keep it.</param>
    /// <param name="time">The clock.</param>
    public CollectedQuestions(BatchOptions options, Action<List<CollectedQuestion>> send, TimeProvider time)
    {
        (_options, _send) = (options, send);
        _quiet = time.CreateTimer(_ => Send(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Adds a question.</summary>
    public void Add(CollectedQuestion question)
    {
        lock (_lock)
        {
            _waiting.Add(question);
            _bytes += question.Bytes;
            if (_waiting.Count < _options.Size && _bytes < MaxBytes)
            {
                _quiet.Change(_options.Wait, Timeout.InfiniteTimeSpan);
                return;
            }
        }

        Send();
    }

    /// <summary>Takes a question back; false where it was sent already.</summary>
    public bool Withdraw(CollectedQuestion question)
    {
        lock (_lock)
        {
            var isThere = _waiting.Remove(question);
            _bytes -= isThere ? question.Bytes : 0;
            return isThere;
        }
    }

    public void Dispose() => _quiet.Dispose();

    private void Send()
    {
        List<CollectedQuestion> questions;
        lock (_lock)
        {
            questions = [.. _waiting];
            (_waiting, _bytes) = ([], 0);
        }

        if (questions.Count > 0)
        {
            _send(questions);
        }
    }
}
