using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Datasets;

namespace DistillGrpc.Student.Training;

/// <summary>What may be wrong with the rows of a run, said before it costs anything.</summary>
internal static class RowWarnings
{
    private const int MaxClasses = 100;
    private const int RowsOfAClass = 5;

    /// <summary>The warnings.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="rows">Rows that are learnt from.</param>
    /// <param name="heldOut">Held-out rows.</param>
    public static IEnumerable<TrainingWarning> Of(RunSpec spec, IReadOnlyList<Example> rows, IReadOnlyList<Example> heldOut)
    {
        var (inputs, groups) = Shared(rows, heldOut);
        if (inputs + groups > 0)
        {
            yield return Warning("ROWS_ON_BOTH_SIDES", inputs > 0
                ? $"{inputs} of {heldOut.Count} held-out rows have an input that is learnt from: what the student gets right may be what it has seen."
                : $"{groups} of {heldOut.Count} held-out rows are of a group that is learnt from: what the student gets right may be what it has seen.");
        }

        string[] all = [.. rows.Select(row => RunRows.LabelOf(spec, row)).Where(label => label.Length > 0)];
        var labels = all.ToHashSet(StringComparer.Ordinal);
        if (labels.Count == 1)
        {
            yield return Warning("ONE_LABEL", $"All rows have the label '{labels.Single()}': there is nothing to tell apart.");
        }

        // Labels that hardly come twice, as equations do, are no classes.
        var unknown = heldOut.Select(row => row.Label).Distinct(StringComparer.Ordinal).Where(label => !labels.Contains(label)).ToArray();
        if (labels.Count is > 0 and <= MaxClasses && labels.Count * RowsOfAClass <= all.Length && unknown.Length > 0)
        {
            yield return Warning("UNKNOWN_LABELS", $"Held-out rows have labels that no row teaches: {string.Join(", ", unknown.Take(5).Select(label => $"'{label}'"))}{(unknown.Length > 5 ? ", ..." : "")}.");
        }
    }

    private static (int Inputs, int Groups) Shared(IReadOnlyList<Example> rows, IReadOnlyList<Example> heldOut)
    {
        var (inputs, groups) = (heldOut.Count == 0 ? [] : rows.Select(RowKeys.OfInput).ToHashSet(), rows.Select(row => row.Group).Where(group => group.Length > 0).ToHashSet(StringComparer.Ordinal));
        return (heldOut.Count(row => inputs.Contains(RowKeys.OfInput(row))), heldOut.Count(row => groups.Contains(row.Group)));
    }

    private static TrainingWarning Warning(string reason, string message) => new() { Reason = reason, Message = message };
}
