using System.Text.Json;
using DistillGrpc.Cli.Data;
using DistillGrpc.Cli.Jobs;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Savings;

/// <summary>What a teacher's rows cost, and some of their inputs.</summary>
internal sealed record TaughtCost(string Source, long Rows, decimal Total, IReadOnlyList<Example> Inputs)
{
    /// <summary>From a file of <c>distill teach</c>: the sum of its rows' costs.</summary>
    /// <exception cref="InvalidDataException">It cannot be read.</exception>
    public static async Task<TaughtCost> OfFileAsync(DataSource data, int inputs, CancellationToken cancellationToken)
    {
        var path = data.Path ?? throw new InvalidDataException("--data: name a file; standard input cannot be read twice.");
        var (rows, total, sample) = (0L, 0m, new List<Example>());
        await foreach (var row in data.ReadAsync(cancellationToken))
        {
            rows++;
            sample.AddRange(sample.Count < inputs ? [row] : []);
        }

        // The rows are known to be JSON now; what they cost is no part of an example.
        await foreach (var line in File.ReadLinesAsync(path, cancellationToken).Where(line => line.AsSpan().TrimStart().StartsWith("{")))
        {
            using var row = JsonDocument.Parse(line);
            total += row.RootElement.TryGetProperty("cost", out var cost) && cost.ValueKind == JsonValueKind.Number && cost.TryGetDecimal(out var amount) ? amount : 0;
        }

        return new TaughtCost(data.Name, rows, total, sample);
    }

    /// <summary>From a job: what was paid for it.</summary>
    public static async Task<TaughtCost> OfJobAsync(ExtractionClient client, string name, int inputs, CancellationToken cancellationToken)
    {
        var extraction = await client.GetAsync(name, cancellationToken);
        var sample = await client.WatchAsync(name, 0, RowFilter.All, follow: false, cancellationToken)
            .Where(told => told.Row is not null).Select(told => told.Row.Example).Take(inputs).ToListAsync(cancellationToken);
        return new TaughtCost(Job.Line(extraction), extraction.Counts.Accepted + extraction.Counts.Rejected, Money.Amount(extraction.Usage?.CostNanos ?? 0), sample);
    }
}
