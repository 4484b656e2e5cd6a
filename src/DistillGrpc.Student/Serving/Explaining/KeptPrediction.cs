namespace DistillGrpc.Student.Serving.Explaining;

/// <summary>A label that was given, and what its rationale is written from when somebody asks for it.</summary>
internal sealed record KeptPrediction
{
    /// <summary>The version that gave it, <c>models/{id}/versions/{number}</c>.</summary>
    public required string Model { get; init; }

    /// <summary>What that version's files were, since a name may come to mean other ones.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>The input; empty where the operator keeps none.</summary>
    public required IReadOnlyList<string> Segments { get; init; }

    /// <summary>What the input, and the rationale that the label was read from, can be recognised by where they are not kept, as <see cref="PredictionId.HashOf(string, IReadOnlyList{string}, string)"/>; empty where they are.</summary>
    public required byte[] InputHash { get; init; }

    /// <summary>The label.</summary>
    public required string Label { get; init; }

    /// <summary>The rationale that the label was read from; empty where the model reads it from none, or inputs are not kept.</summary>
    public required string Rationale { get; init; }

    /// <summary>When it was given.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>About how much memory it takes.</summary>
    public long Bytes => 512 + (2L * (Label.Length + Rationale.Length + Segments.Sum(segment => segment.Length)));
}
