using DistillGrpc.Cli.Sweep.Plans;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>Which settings a variant got, and by what.</summary>
/// <param name="Dataset">The rows.</param>
/// <param name="Student">The student.</param>
/// <param name="Labels">The label source.</param>
/// <param name="Variant">The variant.</param>
/// <param name="Chosen">The settings: those with the most development rows right, of equal ones the first.</param>
/// <param name="Tried">All that were tried, with the share of development rows that was right; null of one that failed.</param>
internal sealed record TuningChoice(string Dataset, string Student, string Labels, string Variant, SpecFields Chosen, IReadOnlyList<TriedPoint> Tried)
{
    /// <summary>All choices of a sweep, as far as its runs have ended.</summary>
    public static IReadOnlyList<TuningChoice> Of(SweepPlan plan, CellSpecs specs, Func<Cell, RunResult?> find) =>
    [
        .. SweepCells.Tuning(plan, specs).GroupBy(cell => (cell.Dataset, cell.Student, cell.Labels, cell.Variant)).Select(cells =>
        {
            var points = specs.PointsOf(plan.Variants.First(variant => variant.Name == cells.Key.Variant)).ToDictionary(point => point.Number, point => point.Point);
            TriedPoint[] tried = [.. cells.Select(cell => new TriedPoint(points[cell.Point!.Value], find(cell) is { HasSucceeded: true, AtEnd: { } end } ? RunResult.Share(end) : null))];
            return new TuningChoice(cells.Key.Dataset, cells.Key.Student, cells.Key.Labels, cells.Key.Variant, tried.MaxBy(point => point.Accuracy ?? -1)!.Fields, tried);
        }),
    ];
}

/// <summary>Settings that were tried.</summary>
internal sealed record TriedPoint(SpecFields Fields, double? Accuracy);
