using System.Diagnostics;

namespace DistillGrpc.Student.Training;

/// <summary>Time in steps, evaluation left out, and the work done in it.</summary>
internal sealed class RunClock
{
    private readonly Stopwatch _watch = new();
    private TimeSpan _before;
    private TimeSpan _reported;

    public int Steps { get; private set; }

    public double Flops { get; private set; }

    public long Tokens { get; private set; }

    public TimeSpan Elapsed => _before + _watch.Elapsed;

    public TimeSpan SinceReport => Elapsed - _reported;

    public void Start() => _watch.Start();

    public void Stop() => _watch.Stop();

    public void Add(double flops, long tokens)
    {
        Steps++;
        Flops += flops;
        Tokens += tokens;
    }

    public void Report() => _reported = Elapsed;

    /// <summary>Goes to where a clock stood that was saved.</summary>
    public void Restore(int steps, double flops, long tokens, TimeSpan elapsed)
    {
        (Steps, Flops, Tokens, _before, _reported) = (steps, flops, tokens, elapsed, elapsed);
        _watch.Reset();
    }
}
