using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Examples;

/// <summary>A row of a file: an example, or why there is none.</summary>
/// <param name="Line">Where it stands: its line, or its number in a file without lines.</param>
/// <param name="Example">The row; null where it cannot be used.</param>
/// <param name="Refusal">Why it cannot be used; empty where it can.</param>
public readonly record struct FileRow(long Line, Example? Example, string Refusal = "");
