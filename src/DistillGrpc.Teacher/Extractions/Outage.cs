namespace DistillGrpc.Teacher.Extractions;

/// <summary>
/// Tells a teacher that is down from an input that it cannot answer: while several inputs fail and none gets through, none is
/// to blame, and their tries are not counted.
/// </summary>
/// <param name="patience">After so long without an answer they are, so that everything comes to an end.</param>
/// <param name="time">The clock.</param>
internal sealed class Outage(TimeSpan patience, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly HashSet<long> _failing = [];
    private DateTimeOffset _lastAnswer = DateTimeOffset.MinValue;
    private DateTimeOffset? _since;

    /// <summary>An input got through.</summary>
    public void Answered()
    {
        lock (_lock)
        {
            _failing.Clear();
            (_lastAnswer, _since) = (time.GetUtcNow(), null);
        }
    }

    /// <summary>An input failed for a reason that may pass; says whether the teacher is to blame.</summary>
    /// <param name="ordinal">The input.</param>
    /// <param name="asked">When it was asked.</param>
    public bool Failed(long ordinal, DateTimeOffset asked)
    {
        lock (_lock)
        {
            _failing.Add(ordinal);
            _since ??= time.GetUtcNow();
            return _lastAnswer <= asked && _failing.Count > 1 && time.GetUtcNow() - _since < patience;
        }
    }
}
