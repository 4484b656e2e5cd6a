using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Serving.Scheduling;

namespace DistillGrpc.Student.Serving.Classifying;

/// <summary>A request to weigh labels, checked.</summary>
internal sealed record Classification
{
    public required IReadOnlyList<string> Segments { get; init; }

    /// <summary>The labels; empty for the model's own.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Labels that come back.</summary>
    public required int TopK { get; init; }

    /// <summary>Below this the student does not answer; null: it always does.</summary>
    public required double? MinProbability { get; init; }

    /// <summary>Whom to ask then; null: nobody.</summary>
    public required Escalation? Escalation { get; init; }

    /// <summary>The rationale that the label is read from, or empty.</summary>
    public required string GivenRationale { get; init; }

    /// <summary>The temperature that is asked for; null: the version's.</summary>
    public required double? Temperature { get; init; }

    public required Caller Caller { get; init; }
}
