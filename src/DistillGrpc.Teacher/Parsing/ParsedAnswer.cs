using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Parsing;

/// <summary>What was read from a model's text.</summary>
/// <param name="Outcome">Whether rationale and label are there.</param>
/// <param name="Rationale">The rationale, or empty.</param>
/// <param name="Label">The label in the task's own form, or empty.</param>
internal readonly record struct ParsedAnswer(ParseOutcome Outcome, string Rationale, string Label)
{
    /// <summary>Where the text begins to name the label; -1 where there is none.</summary>
    public int LabelAt { get; init; } = -1;
}
