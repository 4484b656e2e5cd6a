namespace DistillGrpc.Cli;

/// <summary>Lets one pass in an interval: for what may happen thousands of times in a second, and need not be shown each time. Any thread may ask.</summary>
/// <param name="time">The clock.</param>
internal sealed class Pace(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private long _passed;

    /// <summary>Whether it is time again; the first time it is.</summary>
    public bool IsTime()
    {
        var before = Volatile.Read(ref _passed);
        return (before == 0 || time.GetElapsedTime(before) >= Interval) && Interlocked.CompareExchange(ref _passed, time.GetTimestamp(), before) == before;
    }
}
