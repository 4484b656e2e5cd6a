using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Backends;

/// <summary>A whole answer.</summary>
/// <param name="Outcome">Whether rationale and label are there.</param>
/// <param name="Rationale">The rationale, or empty.</param>
/// <param name="Label">The label, or empty.</param>
/// <param name="RawText">What the teacher wrote.</param>
/// <param name="FinishReason">Why it stopped, as the backend says it.</param>
internal sealed record BackendAnswer(ParseOutcome Outcome, string Rationale, string Label, string RawText, string FinishReason)
{
    /// <summary>The model that answered, as the backend names it, or empty.</summary>
    public string Model { get; init; } = "";

    /// <summary>Tokens and what they cost, zero where nobody counts them.</summary>
    public Usage Usage { get; init; } = new();

    /// <summary>The most likely tokens at each position of <see cref="RawText"/>, where asked for; of a student those of the label alone.</summary>
    public IReadOnlyList<TokenPosition> Tokens { get; init; } = [];

    /// <summary>How likely each label is by these tokens; empty where nothing is known.</summary>
    public IReadOnlyList<LabelProbability> Distribution { get; init; } = [];

    /// <summary>It had been paid for before.</summary>
    public bool IsKept { get; init; }

    /// <summary>When it was written; null for now.</summary>
    public DateTimeOffset? Created { get; init; }
}
