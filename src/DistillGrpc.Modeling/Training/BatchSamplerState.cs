namespace DistillGrpc.Modeling.Training;

/// <summary>Where a <see cref="BatchSampler"/> stands, small enough for any checkpoint: the order follows from it and the rows.</summary>
/// <param name="Seed">Of the order.</param>
/// <param name="Passes">How many rows the passes that have begun saw, runs of equal numbers together.</param>
/// <param name="Position">Batches taken of the last pass.</param>
public sealed record BatchSamplerState(int Seed, IReadOnlyList<PassRows> Passes, int Position);

/// <summary>Passes in a row that saw as many rows.</summary>
/// <param name="Rows">Rows there were when each began.</param>
/// <param name="Passes">How many passes.</param>
public readonly record struct PassRows(int Rows, int Passes);
