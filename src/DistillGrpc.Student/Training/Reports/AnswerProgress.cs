using System.Diagnostics;
using DistillGrpc.Contracts.V1;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>Tells how many held-out rows have been answered, a few times a second, and when all of them are.</summary>
/// <param name="phase">What the events are marked with.</param>
/// <param name="total">Rows that will be answered.</param>
/// <param name="report">Takes the events.</param>
internal sealed class AnswerProgress(TrainingPhase phase, int total, Action<TrainingEvent> report)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private readonly long _started = Stopwatch.GetTimestamp();
    private TimeSpan _told;
    private int _answered;

    /// <summary>Some more are answered.</summary>
    public void Add(int rows)
    {
        _answered += rows;
        var elapsed = Stopwatch.GetElapsedTime(_started);
        if (elapsed - _told >= Interval || _answered == total)
        {
            _told = elapsed;
            report(new TrainingEvent
            {
                Progress = new TrainingProgress
                {
                    Phase = phase,
                    Step = _answered,
                    TotalSteps = total,
                    Elapsed = Duration.FromTimeSpan(elapsed),
                    Remaining = Duration.FromTimeSpan(elapsed / _answered * (total - _answered)),
                },
            });
        }
    }
}
