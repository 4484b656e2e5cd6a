using DistillGrpc.Cli.Sweep.Plans;
using DistillGrpc.Cli.Training;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>What is trained in a cell: what all runs have in common, then the settings that are tuned, then what the variant is.</summary>
internal sealed class CellSpecs(SweepPlan plan, string evaluation)
{
    /// <summary>The contract's default, said, since what is compared at equal steps must know them.</summary>
    private const int DefaultSteps = 1500;

    private static readonly string[] OfTwoTasks = ["lambda", "alpha", "explained_label_weight", "mutual_information"];
    private static readonly string[] OfRationales = [.. OfTwoTasks, "shuffle_rationales", "teacher_correct_only", "rationales_per_row"];

    /// <summary>A run that is to be made.</summary>
    /// <param name="cell">Which one.</param>
    /// <param name="part">The rows.</param>
    /// <param name="point">Settings that are tuned.</param>
    /// <param name="budget">Floating point operations that it goes on to; 0 for none.</param>
    /// <param name="evaluationDataset">Where it is evaluated on other rows than the held-out ones.</param>
    public PlannedRun Of(Cell cell, DataPart part, SpecFields point, double budget = 0, string? evaluationDataset = null)
    {
        var variant = plan.Variants.First(variant => variant.Name == cell.Variant);
        var spec = Fields(variant, point).ToSpec();
        (spec.Dataset, spec.EvaluationDataset, spec.Seed) = (part.Dataset, evaluationDataset ?? evaluation, cell.Seed);
        (spec.LabelSource, spec.Steps, spec.ComputeBudgetFlops) = (TrainingOptions.LabelSources[cell.Labels], spec.Steps == 0 ? DefaultSteps : spec.Steps, budget);
        // The plan compares; a student for comparison beside every one of its runs would be trained many times.
        spec.Report ??= new ReportOptions();
        spec.Report.SkipBaseline = true;
        if (cell.Student.Contains('/', StringComparison.Ordinal))
        {
            spec.BaseModel = cell.Student;
        }
        else
        {
            spec.Preset = cell.Student;
        }

        return PlannedRun.Create(plan.Name, cell, spec, part.Rows);
    }

    /// <summary>The tuned settings that make a difference for a variant, with their numbers: a rationale's weight makes none for label only, and what a variant sets itself stands.</summary>
    public IReadOnlyList<(int Number, SpecFields Point)> PointsOf(Variant variant) => plan.Tuning is null
        ? []
        : [.. plan.Tuning.Points.Select((point, number) => (Number: number, Point: Standing(variant, point))).DistinctBy(point => point.Point.ToJson().ToJsonString())];

    // What of a point is left in a run, and not there without it.
    private SpecFields Standing(Variant variant, SpecFields point) => point.Without([.. variant.Fields.Names, .. point.Names.Except(Fields(variant, point).Names)]);

    private static SpecFields Relevant(Variant variant, SpecFields fields) => variant.Fields.ToSpec().Mode switch
    {
        TrainingMode.LabelOnly => fields.Without(OfRationales),
        TrainingMode.RationaleThenLabel or TrainingMode.LabelFromRationale => fields.Without(OfTwoTasks),
        _ => fields,
    };

    private SpecFields Fields(Variant variant, SpecFields point) => Relevant(variant, plan.Spec.With(point).With(variant.Fields));
}
