namespace DistillGrpc.Student.Training;

/// <summary>Watches how much memory the process has, as far as samples show it.</summary>
internal sealed class PeakMemory : IDisposable
{
    private readonly Timer _timer;
    private long _peak = Environment.WorkingSet;

    public PeakMemory(TimeSpan interval) => _timer = new Timer(_ => Sample(), null, interval, interval);

    /// <summary>The highest that was seen, in bytes.</summary>
    public long Stop()
    {
        _timer.Change(Timeout.Infinite, Timeout.Infinite);
        Sample();
        return Volatile.Read(ref _peak);
    }

    public void Dispose() => _timer.Dispose();

    private void Sample()
    {
        var now = Environment.WorkingSet;
        if (now > Volatile.Read(ref _peak))
        {
            Volatile.Write(ref _peak, now);
        }
    }
}
