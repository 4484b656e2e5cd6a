using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>An input that this process works on, and no other.</summary>
/// <param name="Ordinal">Its place among the extraction's inputs, from 1.</param>
/// <param name="Example">The input.</param>
/// <param name="Repeats">How it repeats an earlier one, or null.</param>
/// <param name="Tries">How often it was given up for a reason that may pass.</param>
internal sealed record ClaimedInput(long Ordinal, Example Example, RejectionReason? Repeats, int Tries);
