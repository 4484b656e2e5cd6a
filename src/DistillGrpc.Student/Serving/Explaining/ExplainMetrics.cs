using System.Diagnostics.Metrics;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Serving.Explaining;

/// <summary>What the Student measures of predictions that can be explained, and of their explanations.</summary>
internal static class ExplainMetrics
{
    private static readonly Meter Meter = new("DistillGrpc.Student");
    private static readonly Counter<long> Predictions = Meter.CreateCounter<long>("distill.student.predictions", "{prediction}", "Predictions that were to be kept, by outcome (kept; not kept: broken, no_room).");
    private static readonly Counter<long> Explanations = Meter.CreateCounter<long>("distill.student.explanations", "{explanation}", "Explanations, by model and verdict (agrees, disagrees, unknown).");

    /// <summary>A prediction is kept.</summary>
    public static void Kept() => Count("kept");

    /// <summary>The database fails, and nothing is kept.</summary>
    public static void Broken() => Count("broken");

    /// <summary>More came than could be written, or it is too long.</summary>
    public static void NoRoom() => Count("no_room");

    /// <summary>A prediction was explained.</summary>
    public static void Explained(string model, ConsistencyVerdict verdict) => Explanations.Add(
        1, new KeyValuePair<string, object?>("model", model), new KeyValuePair<string, object?>("verdict", verdict switch { ConsistencyVerdict.Agrees => "agrees", ConsistencyVerdict.Disagrees => "disagrees", _ => "unknown" }));

    private static void Count(string outcome) => Predictions.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
}
