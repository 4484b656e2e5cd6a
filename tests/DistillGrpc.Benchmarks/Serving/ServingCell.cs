namespace DistillGrpc.Benchmarks.Serving;

/// <summary>What is measured: 128 tokens in, 64 out, so many requests that begin together.</summary>
/// <param name="Shape">The published model of this shape.</param>
/// <param name="Batch">Requests that begin together.</param>
/// <param name="IsInt8">Weights in int8, else float32.</param>
internal sealed record ServingCell(string Shape, int Batch, bool IsInt8)
{
    public const int InputTokens = 128;
    public const int OutputTokens = 64;

    public override string ToString() => $"{Shape}, {(IsInt8 ? "int8" : "float32")}, batch {Batch}";
}
