using DistillGrpc.Cli.Sweep.Plans;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>The cells of a sweep.</summary>
internal static class SweepCells
{
    /// <summary>The runs that count. Whose compute others are given comes before those.</summary>
    public static IEnumerable<Cell> Counting(SweepPlan plan) =>
        from dataset in plan.Datasets
        from student in plan.Students
        from labels in plan.Labels
        from fraction in plan.Fractions
        from seed in plan.Seeds
        from variant in plan.Variants.OrderBy(variant => plan.HasBudget(variant) ? 2 : variant == plan.Reference ? 0 : 1)
        select new Cell(dataset.Name, student, labels, fraction, variant.Name, seed);

    /// <summary>The runs that settings are chosen by: with all rows but the development part, and the first seed.</summary>
    public static IEnumerable<Cell> Tuning(SweepPlan plan, CellSpecs specs) =>
        from dataset in plan.Datasets
        from student in plan.Students
        from labels in plan.Labels
        from variant in plan.Variants
        from point in specs.PointsOf(variant)
        select new Cell(dataset.Name, student, labels, plan.Fractions[^1], variant.Name, plan.Seeds[0], point.Number);
}
