using System.Globalization;
using System.Text.Json;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Teaching;

/// <summary>Counts results as they come.</summary>
internal sealed class Tally
{
    private readonly Dictionary<string, long> _rejected = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Rows, string Message)> _errors = new(StringComparer.Ordinal);

    public long Rows { get; private set; }

    public long Accepted { get; private set; }

    /// <summary>Rows without an answer.</summary>
    public long Failed { get; private set; }

    /// <summary>Rows that had been answered before, and cost nothing now.</summary>
    public long Kept { get; private set; }

    /// <summary>What was paid now.</summary>
    public long PaidNanos { get; private set; }

    /// <summary>Rows of those that were not asked because of a budget.</summary>
    public long OutOfBudget { get; private set; }

    /// <summary>The budget is (also) the operator's for this teacher.</summary>
    public bool IsTeacherOutOfBudget { get; private set; }

    /// <summary>Why the first row without an answer has none.</summary>
    public string? Failure { get; private set; }

    public void Add(RationaleResult result)
    {
        Rows++;
        Accepted += Reasons.IsAccepted(result) ? 1 : 0;
        Failed += result.Error is null ? 0 : 1;
        Failure ??= result.Error?.Message;
        Kept += result.Provenance?.Kept == true ? 1 : 0;
        PaidNanos += result.PaidNanos;
        AddError(result.Error);
        foreach (var reason in Reasons.Of(result))
        {
            _rejected[reason] = _rejected.GetValueOrDefault(reason) + 1;
        }
    }

    /// <summary>A line with the counts, one with the reasons where rows were rejected, and one with the most frequent error where rows have no answer.</summary>
    public string Text()
    {
        var counts = string.Create(
            CultureInfo.InvariantCulture,
            $"{Rows} rows, {Accepted} accepted, {Failed} without an answer{(Kept > 0 ? $", {Kept} answered before" : "")}{(PaidNanos > 0 ? $", cost {Money.Text(PaidNanos)}" : "")}.");
        return string.Join('\n',
        [
            counts,
            .. _rejected.Count > 0 ? [$"rejected: {string.Join(", ", Frequent.Select(pair => $"{pair.Key} {pair.Value}"))}"] : Array.Empty<string>(),
            .. _errors.OrderByDescending(error => error.Value.Rows).Take(1).Select(error => $"{error.Value.Rows}: {error.Key} ({error.Value.Message.TrimEnd('.')})"),
        ]);
    }

    /// <summary>The same as a JSON object.</summary>
    public string Json() => JsonSerializer.Serialize(new
    {
        rows = Rows,
        accepted = Accepted,
        withoutAnswer = Failed,
        answeredBefore = Kept,
        cost = Money.Amount(PaidNanos),
        rejected = Frequent.ToDictionary(),
        errors = _errors.ToDictionary(error => error.Key, error => error.Value.Rows),
    });

    private void AddError(RowError? error)
    {
        if (error is not null)
        {
            var known = _errors.GetValueOrDefault(error.Reason, (0, error.Message));
            _errors[error.Reason] = (known.Rows + 1, known.Message);
            OutOfBudget += error.Reason is "BUDGET_EXHAUSTED" or "TEACHER_BUDGET_EXHAUSTED" ? 1 : 0;
            IsTeacherOutOfBudget |= error.Reason is "TEACHER_BUDGET_EXHAUSTED";
        }
    }

    private IEnumerable<KeyValuePair<string, long>> Frequent => _rejected.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal);
}
