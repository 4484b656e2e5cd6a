namespace DistillGrpc.Benchmarks.Serving;

/// <summary>Medians of a round, in milliseconds.</summary>
/// <param name="RequestMs">Until all of the batch are answered.</param>
/// <param name="FirstTokenMs">Until all of the batch have their first token.</param>
internal sealed record ServingTimes(double RequestMs, double FirstTokenMs);
