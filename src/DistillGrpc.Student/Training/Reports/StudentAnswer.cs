namespace DistillGrpc.Student.Training.Reports;

/// <summary>What a student says to a row.</summary>
/// <param name="Label">Its label.</param>
/// <param name="Rationale">Its rationale; empty where it gives none.</param>
/// <param name="RationaleOfLabel">Its rationale of the label that it gave; empty where it has not learnt that.</param>
internal sealed record StudentAnswer(string Label, string Rationale, string RationaleOfLabel);
