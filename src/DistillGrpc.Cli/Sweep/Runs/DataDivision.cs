using System.Globalization;
using DistillGrpc.Cli.Datasets;
using DistillGrpc.Cli.Sweep.Plans;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>
/// Divides a sweep's rows into datasets of the Student's. The development part is cut off first, and nobody learns from it. A fraction is
/// the first part of the others: the Student puts groups into an order that the seed decides and cuts parts from its beginning, so that
/// a smaller fraction lies within a larger one.
/// </summary>
internal sealed class DataDivision(DatasetClient client, SweepPlan plan, HeldOutRows heldOut)
{
    public async Task<SweepData> DivideAsync(NamedDataset given, CancellationToken cancellationToken)
    {
        var all = await client.GetAsync(await DatasetText.ResolveAsync(client, given.Dataset, cancellationToken), cancellationToken);
        var (pool, development) = (all, (DataPart?)null);
        if (plan.Tuning is { } tuning)
        {
            var parts = await SplitAsync(all, cancellationToken, new SplitFraction { Name = "development", Fraction = tuning.Development }, new SplitFraction { Name = "learning", Fraction = 1 - tuning.Development });
            (pool, development) = (parts[1], new DataPart(tuning.Development, parts[0].Name, parts[0].Rows));
        }

        var fractions = new List<DataPart>();
        foreach (var fraction in plan.Fractions)
        {
            var part = fraction == 1 ? pool : (await SplitAsync(pool, cancellationToken, new SplitFraction { Name = Name(fraction), Fraction = fraction }))[0];
            fractions.Add(new DataPart(fraction, part.Name, part.Rows));
        }

        var shared = await client.CompareAsync(all.Name, heldOut.Dataset.Name, cancellationToken: cancellationToken);
        return new SweepData(given.Name, all.Name, all.ContentHash, all.Rows, fractions, development, shared.Inputs?.Rows ?? 0, shared.Groups?.Rows ?? 0, await MajorityAsync(fractions[^1].Dataset, cancellationToken));
    }

    private async Task<IReadOnlyList<Dataset>> SplitAsync(Dataset dataset, CancellationToken cancellationToken, params SplitFraction[] fractions)
    {
        var response = await client.SplitAsync(new SplitDatasetRequest { Name = dataset.Name, Seed = plan.SplitSeed, Grouping = GroupingText.Parse(plan.GroupBy), Fractions = { fractions } }, cancellationToken);
        return [.. response.Parts.Select(part => part.Dataset)];
    }

    // f0125 for 0.125; a name has no point.
    private static string Name(double fraction) => $"f{fraction.ToString("0.######", CultureInfo.InvariantCulture).Replace(".", "", StringComparison.Ordinal)}";

    private async Task<IReadOnlyDictionary<string, double>> MajorityAsync(string dataset, CancellationToken cancellationToken)
    {
        var counts = plan.Labels.ToDictionary(source => source, _ => new Dictionary<string, int>(StringComparer.Ordinal));
        await foreach (var row in client.ReadAsync(dataset, cancellationToken: cancellationToken))
        {
            foreach (var source in plan.Labels)
            {
                var label = source switch { "gold" => row.Label, "teacher" => row.TeacherLabel, _ => row.Label.Length > 0 ? row.Label : row.TeacherLabel };
                System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(counts[source], label, out _)++;
            }
        }

        return counts.ToDictionary(source => source.Key, source => source.Value.Where(label => label.Key.Length > 0).OrderByDescending(label => label.Value).ThenBy(label => label.Key, StringComparer.Ordinal).Select(label => heldOut.ShareOf(label.Key)).FirstOrDefault());
    }
}
