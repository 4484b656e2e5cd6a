using DistillGrpc.Cli.Sweep.Runs;
using DistillGrpc.Cli.Sweep.Statistics;

namespace DistillGrpc.Cli.Sweep.Reports;

/// <summary>How much more one line gets right than another in a cell, and how sure that is.</summary>
/// <param name="Dataset">The rows.</param>
/// <param name="Student">The student.</param>
/// <param name="Labels">The label source.</param>
/// <param name="Fraction">The part of the rows.</param>
/// <param name="Line">The one.</param>
/// <param name="Against">The other.</param>
/// <param name="Mean">The mean difference of their shares, paired by seed.</param>
/// <param name="OverSeeds">Its t interval over seeds: what other seeds would give. Null of fewer than two.</param>
/// <param name="OverRows">The interval of a paired bootstrap over groups of held-out rows: what other rows would give. Null where answers to single rows are not known.</param>
internal sealed record Difference(string Dataset, string Student, string Labels, double Fraction, string Line, string Against, double Mean, Interval? OverSeeds, Interval? OverRows)
{
    /// <summary>Of the draws; any would do.</summary>
    private const int Seed = 1;

    /// <summary>Compares two lines; null where they have no seed in common.</summary>
    public static Difference? Of(ReportLine line, ReportLine against, IReadOnlyList<RunResult> runs, IReadOnlyList<RunResult> others, Func<Cell, IReadOnlyList<RowAnswer>> answers)
    {
        var pairs = runs.Join(others, run => run.Cell.Seed, other => other.Cell.Seed, (run, other) => (run, other))
            .Where(pair => pair.run.HasSucceeded && pair.other.HasSucceeded && line.EvaluationOf(pair.run) is not null && against.EvaluationOf(pair.other) is not null).ToArray();
        if (pairs.Length == 0)
        {
            return null;
        }

        var bySeed = pairs.Select(pair => RunResult.Share(line.EvaluationOf(pair.run)!) - RunResult.Share(against.EvaluationOf(pair.other)!)).ToArray();
        var rows = line.IsOfModel && against.IsOfModel ? pairs.SelectMany(pair => RowByRow(answers(pair.run.Cell), answers(pair.other.Cell))) : [];
        var byRow = rows.GroupBy(row => row.Id, StringComparer.Ordinal).Select(same => (same.First().Group, same.Average(row => row.Difference)));
        var cell = pairs[0].run.Cell;
        return new Difference(cell.Dataset, cell.Student, cell.Labels, cell.Fraction, line.Name, against.Name, bySeed.Average(), StudentT.Of(bySeed), PairedBootstrap.Of(byRow, Seed));
    }

    private static IEnumerable<(string Id, string Group, double Difference)> RowByRow(IReadOnlyList<RowAnswer> one, IReadOnlyList<RowAnswer> other) =>
        one.Join(other, answer => answer.Id, answer => answer.Id, (first, second) => (first.Id, first.Group, (first.Right ? 1.0 : 0) - (second.Right ? 1 : 0)), StringComparer.Ordinal);
}
