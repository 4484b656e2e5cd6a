namespace DistillGrpc.Teacher.Extractions;

/// <summary>
/// Tells a teacher that is down from an input that it cannot answer: while none gets through, no input is to blame, and their tries
/// are not counted. A teacher that had begun to answer is not down.
/// </summary>
/// <param name="patience">After so long without an answer inputs are to blame, so that everything comes to an end.</param>
/// <param name="time">The clock.</param>
internal sealed class Outage(TimeSpan patience, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (DateTimeOffset LastAnswer, DateTimeOffset? Since)> _teachers = new(StringComparer.Ordinal);

    /// <summary>A teacher has answered an input.</summary>
    public void Answered(string teacher)
    {
        lock (_lock)
        {
            _teachers[teacher] = (time.GetUtcNow(), null);
        }
    }

    /// <summary>An input failed for a reason that may pass; says whether its teacher is to blame.</summary>
    /// <param name="teacher">Who failed.</param>
    /// <param name="asked">When it was asked.</param>
    /// <param name="hadText">Whether it had begun to answer.</param>
    public bool Failed(string teacher, DateTimeOffset asked, bool hadText)
    {
        lock (_lock)
        {
            var (lastAnswer, since) = _teachers.GetValueOrDefault(teacher);
            since ??= time.GetUtcNow();
            _teachers[teacher] = (lastAnswer, since);
            return !hadText && lastAnswer <= asked && time.GetUtcNow() - since < patience;
        }
    }
}
