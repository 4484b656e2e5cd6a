using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Bench;

/// <summary>What is measured.</summary>
/// <param name="Model">The model, or empty for the Student's default.</param>
/// <param name="Task">What is asked for.</param>
/// <param name="InputTokens">Tokens of each input.</param>
/// <param name="OutputTokens">Most tokens of each task's answer.</param>
/// <param name="Loads">How requests come, one after another.</param>
/// <param name="Requests">Requests of each load that count; null for as many as begin within the time.</param>
/// <param name="Time">How long requests of each load begin, where no number is given.</param>
/// <param name="WarmUp">Requests before each load that do not count.</param>
/// <param name="Seed">Of prompts and arrivals.</param>
internal sealed record BenchOptions(
    string Model, PredictionTask Task, int InputTokens, int OutputTokens, IReadOnlyList<Load> Loads, int? Requests, TimeSpan Time, int? WarmUp, int Seed)
{
    private const int LeastWarmUp = 4;

    /// <summary>Requests that do not count, before those of a load.</summary>
    public int WarmUpOf(Load load) => WarmUp ?? Math.Max(LeastWarmUp, load.Concurrency);
}
