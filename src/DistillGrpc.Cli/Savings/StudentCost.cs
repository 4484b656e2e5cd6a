using System.Collections.Concurrent;
using System.Diagnostics;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Savings;

/// <summary>What a student's answers of one kind take: one at a time in milliseconds, and several at once in answers a second.</summary>
internal sealed record StudentCost(double P50Ms, double P95Ms, double AnswersPerSecond)
{
    /// <summary>Requests at once where the throughput is measured.</summary>
    public const int Concurrency = 8;

    /// <summary>What 1,000 answers cost on a machine that does nothing else.</summary>
    public decimal PerThousand(decimal pricePerHour) => pricePerHour / 3600 * 1000 / (decimal)AnswersPerSecond;

    /// <summary>Asks for every input twice: one after the other for the latency, then several at once.</summary>
    public static async Task<StudentCost> MeasureAsync(InferenceClient student, string model, PredictionTask task, IReadOnlyList<Example> inputs, CancellationToken cancellationToken)
    {
        Task<PredictResponse> AskAsync(Example input) => student.PredictAsync(new PredictRequest { Model = model, Task = task, Segments = { input.Segments } }, cancellationToken);
        // The first answers pay for what is compiled and connected on the way.
        foreach (var input in inputs.Take(Concurrency))
        {
            await AskAsync(input);
        }

        var latencies = new List<double>(inputs.Count);
        foreach (var input in inputs)
        {
            var started = Stopwatch.GetTimestamp();
            await AskAsync(input);
            latencies.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        latencies.Sort();
        var (left, begun) = (new ConcurrentQueue<Example>(inputs), Stopwatch.GetTimestamp());
        await Task.WhenAll(Enumerable.Range(0, Concurrency).Select(async _ =>
        {
            while (left.TryDequeue(out var input))
            {
                await AskAsync(input);
            }
        }));
        return new StudentCost(At(latencies, 0.5), At(latencies, 0.95), inputs.Count / Stopwatch.GetElapsedTime(begun).TotalSeconds);
    }

    // The nearest rank.
    private static double At(List<double> sorted, double share) => sorted[Math.Clamp((int)Math.Ceiling(sorted.Count * share) - 1, 0, sorted.Count - 1)];
}
