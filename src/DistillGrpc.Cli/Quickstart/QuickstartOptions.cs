namespace DistillGrpc.Cli.Quickstart;

/// <summary>What <c>distill quickstart</c> was asked for.</summary>
internal sealed record QuickstartOptions(
    FileInfo? Data, FileInfo? EvalData, string Student, int Steps, int Rows, int HeldOut, int Seed, bool Equations, FileInfo? Predictions, bool Json, bool Serve);
