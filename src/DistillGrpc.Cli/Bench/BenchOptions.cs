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
/// <param name="Seed">Of prompts, lengths and arrivals.</param>
internal sealed record BenchOptions(
    string Model, PredictionTask Task, int InputTokens, int OutputTokens, IReadOnlyList<Load> Loads, int? Requests, TimeSpan Time, int? WarmUp, int Seed)
{

    private const int LeastWarmUp = 4;

    /// <summary>How much longer or shorter than given the inputs and answers of single requests may be, as a share: all lengths between are as likely. 0: none is.</summary>
    public double LengthRange { get; init; }

    /// <summary>What a label may be; none: the whole vocabulary.</summary>
    public IReadOnlyList<string> Candidates { get; init; } = [];

    /// <summary>Tokens of the longest input.</summary>
    public int MostInputTokens => Longest(InputTokens);

    /// <summary>Tokens of the longest answer of a task.</summary>
    public int MostOutputTokens => Longest(OutputTokens);

    /// <summary>What a request's lengths are of those given, by the request's number.</summary>
    public (double Input, double Output) SharesOf(int number)
    {
        // Seeds beside one another would give numbers in a row: they are stirred (the finalizer of MurmurHash3).
        var mixed = unchecked((uint)number + ((uint)Seed * 0x9E3779B9));
        mixed = unchecked((mixed ^ (mixed >> 16)) * 0x85EBCA6B);
        mixed = unchecked((mixed ^ (mixed >> 13)) * 0xC2B2AE35);
        var random = new Random((int)((mixed ^ (mixed >> 16)) >> 1));
        return (Share(), Share());

        double Share() => 1 + (LengthRange * ((2 * random.NextDouble()) - 1));
    }

    /// <summary>Requests that do not count, before those of a load.</summary>
    public int WarmUpOf(Load load) => WarmUp ?? Math.Max(LeastWarmUp, load.Concurrency);

    private int Longest(int tokens) => (int)Math.Ceiling(tokens * (1 + LengthRange));
}
