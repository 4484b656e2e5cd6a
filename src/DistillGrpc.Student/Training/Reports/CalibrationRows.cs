using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Datasets;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>Held-out rows in two halves: a temperature is fitted to one, and what it is worth is counted on the other.</summary>
/// <param name="Fitted">The one half.</param>
/// <param name="Report">The other.</param>
/// <param name="Unused">Rows that are in neither.</param>
internal sealed record CalibrationRows(IReadOnlyList<Example> Fitted, IReadOnlyList<Example> Report, int Unused)
{
    /// <summary>
    /// Divides rows by a hash of what they were held out by, or else their input: whatever other rows there are, a row is in the same half, and those of a group are in one. Rows
    /// whose input was learnt from are left out.
    /// </summary>
    /// <param name="heldOut">The held-out rows.</param>
    /// <param name="learnt">The rows that were learnt from.</param>
    /// <param name="grouping">What keeps rows together, as it did when they were held out.</param>
    /// <param name="isUsable">Whether a row says what is needed.</param>
    /// <param name="most">Most rows of both halves.</param>
    public static CalibrationRows Of(IReadOnlyList<Example> heldOut, IReadOnlyList<Example> learnt, Grouping grouping, Func<Example, bool> isUsable, int most)
    {
        var seen = learnt.Select(RowKeys.OfInput).ToHashSet();
        // Rows that were not kept together at all are at least not asked in one half what they say in the other.
        var kept = grouping.Kind == GroupingKind.None ? new Grouping() : grouping;
        var halves = heldOut.Where(row => isUsable(row) && !seen.Contains(RowKeys.OfInput(row)))
            .Select(row => (Row: row, Key: RowKeys.OfGroup(row, kept)))
            .OrderBy(row => row.Key >> 1)
            .ToLookup(row => UInt128.IsOddInteger(row.Key), row => row.Row);
        Example[] fitted = [.. halves[false].Take(most / 2)], report = [.. halves[true].Take(most / 2)];
        return new CalibrationRows(fitted, report, heldOut.Count - fitted.Length - report.Length);
    }
}
