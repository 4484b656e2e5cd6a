using System.Diagnostics;
using DistillGrpc.Contracts.V1;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Student.Training;

/// <summary>Tells how far the Teacher has come, a few times a second.</summary>
/// <param name="report">Takes the events.</param>
internal sealed class TeachingReport(Func<TrainResponse, ValueTask> report)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private readonly long _started = Stopwatch.GetTimestamp();
    private TimeSpan _told;

    /// <summary>Tells it, unless that was done a moment ago.</summary>
    /// <param name="rows">Rows that came.</param>
    /// <param name="total">Rows that will come, as far as is known.</param>
    /// <param name="parsed">Rows that are of use.</param>
    public async ValueTask TellAsync(int rows, int total, int parsed)
    {
        if (Stopwatch.GetElapsedTime(_started) - _told > Interval)
        {
            _told = Stopwatch.GetElapsedTime(_started);
            await EndAsync(rows, total, parsed);
        }
    }

    /// <summary>Tells it for the last time.</summary>
    /// <inheritdoc cref="TellAsync"/>
    public ValueTask EndAsync(int rows, int total, int parsed) =>
        report(new TrainResponse { Teaching = new TeachingProgress { Rows = rows, TotalRows = total, ParsedRows = parsed, Elapsed = Duration.FromTimeSpan(Stopwatch.GetElapsedTime(_started)) } });

    /// <summary>Warns of something that the training goes on in spite of.</summary>
    public ValueTask WarnAsync(string reason, string message) => report(new TrainResponse { Warning = new TrainingWarning { Reason = reason, Message = message } });
}
