using System.Diagnostics.Metrics;

namespace DistillGrpc.Student.Training;

/// <summary>What the Student measures of its training.</summary>
internal static class TrainingMetrics
{
    private static readonly Meter Meter = new("DistillGrpc.Student");
    private static readonly Counter<long> Runs = Meter.CreateCounter<long>("distill.student.training.runs", "{run}", "Runs that ended, by outcome (succeeded, cancelled, failed).");
    private static readonly Counter<long> Steps = Meter.CreateCounter<long>("distill.student.training.steps", "{step}", "Optimiser steps.");
    private static readonly UpDownCounter<long> Running = Meter.CreateUpDownCounter<long>("distill.student.training.running", "{run}", "Runs under way.");

    public static void Began() => Running.Add(1);

    public static void Ended(string outcome)
    {
        Running.Add(-1);
        Runs.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
    }

    public static void Stepped() => Steps.Add(1);
}
