using System.Globalization;
using System.Text.Json;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Teaching;

/// <summary>Counts results as they come.</summary>
internal sealed class Tally
{
    private readonly Dictionary<string, long> _rejected = new(StringComparer.Ordinal);

    public long Rows { get; private set; }

    public long Accepted { get; private set; }

    /// <summary>Rows without an answer.</summary>
    public long Failed { get; private set; }

    /// <summary>Rows that had been answered before, and cost nothing now.</summary>
    public long Kept { get; private set; }

    /// <summary>What the other rows cost.</summary>
    public long CostNanos { get; private set; }

    /// <summary>Why the first row without an answer has none.</summary>
    public string? Failure { get; private set; }

    public void Add(RationaleResult result)
    {
        Rows++;
        Accepted += Reasons.IsAccepted(result) ? 1 : 0;
        Failed += result.Error is null ? 0 : 1;
        Failure ??= result.Error?.Message;
        Kept += result.Provenance?.Kept == true ? 1 : 0;
        CostNanos += result.Provenance?.Kept == false ? result.Usage?.CostNanos ?? 0 : 0;
        foreach (var reason in Reasons.Of(result))
        {
            _rejected[reason] = _rejected.GetValueOrDefault(reason) + 1;
        }
    }

    /// <summary>A line with the counts, and one with the reasons where rows were rejected.</summary>
    public string Text()
    {
        var counts = string.Create(
            CultureInfo.InvariantCulture,
            $"{Rows} rows, {Accepted} accepted, {Failed} without an answer{(Kept > 0 ? $", {Kept} answered before" : "")}{(CostNanos > 0 ? $", cost {Money.Text(CostNanos)}" : "")}.");
        return _rejected.Count == 0 ? counts : $"{counts}\nrejected: {string.Join(", ", Frequent.Select(pair => $"{pair.Key} {pair.Value}"))}";
    }

    /// <summary>The same as a JSON object.</summary>
    public string Json() => JsonSerializer.Serialize(new
    {
        rows = Rows,
        accepted = Accepted,
        withoutAnswer = Failed,
        answeredBefore = Kept,
        cost = Money.Amount(CostNanos),
        rejected = Frequent.ToDictionary(),
    });

    private IEnumerable<KeyValuePair<string, long>> Frequent => _rejected.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal);
}
