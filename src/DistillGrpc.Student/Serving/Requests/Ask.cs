using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Serving.Scheduling;

namespace DistillGrpc.Student.Serving.Requests;

/// <summary>What a caller asks a model, checked.</summary>
internal sealed record Ask
{
    public required IReadOnlyList<string> Segments { get; init; }

    public required PredictionTask Task { get; init; }

    /// <summary>The label that is explained, or empty.</summary>
    public required string GivenLabel { get; init; }

    /// <summary>The rationale that the label is read from, or empty.</summary>
    public required string GivenRationale { get; init; }

    /// <summary>Most tokens for each task.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>How the label is written, and what a model writes as one text.</summary>
    public required DecodingSpec LabelDecoding { get; init; }

    /// <summary>How the rationale is written.</summary>
    public required DecodingSpec RationaleDecoding { get; init; }

    /// <summary>Labels that the label is one of; empty for any.</summary>
    public required IReadOnlyList<string> Candidates { get; init; }

    /// <summary>Most tokens that any part may have.</summary>
    public required int TokenLimit { get; init; }

    public required Caller Caller { get; init; }

    /// <summary>Whether text is sent while it is written.</summary>
    public required bool WantsDeltas { get; init; }

    /// <summary>Whether the label is kept, to be explained later.</summary>
    public required bool Stores { get; init; }

    /// <summary>Whether it is said if label and rationale agree.</summary>
    public required bool ChecksConsistency { get; init; }

    public bool WantsLabel => Task is not PredictionTask.Rationale;

    public bool WantsRationale => Task is PredictionTask.Rationale or PredictionTask.Both;
}
