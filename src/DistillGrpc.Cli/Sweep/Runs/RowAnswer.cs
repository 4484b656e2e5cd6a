namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>How a student answered a held-out row.</summary>
/// <param name="Id">The row.</param>
/// <param name="Group">What rows that are right and wrong together share.</param>
/// <param name="Predicted">The student's label.</param>
/// <param name="Right">Whether it is right.</param>
internal sealed record RowAnswer(string Id, string Group, string Predicted, bool Right);
