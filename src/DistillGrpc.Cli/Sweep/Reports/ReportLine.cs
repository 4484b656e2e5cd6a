using DistillGrpc.Cli.Sweep.Plans;
using DistillGrpc.Cli.Sweep.Runs;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Sweep.Reports;

/// <summary>A line of the pictures: a variant, at its label steps or, for label only, when it has used as much compute as its reference.</summary>
/// <param name="Variant">The variant.</param>
/// <param name="IsEqualCompute">After the budget.</param>
/// <param name="HasBudget">Its runs go on after their label steps, so that the model is that of equal compute.</param>
/// <param name="Color">Number of its colour and mark.</param>
internal sealed record ReportLine(string Variant, bool IsEqualCompute, bool HasBudget, int Color)
{
    /// <summary>What it is called.</summary>
    public string Name => IsEqualCompute ? $"{Variant}, equal compute" : Variant;

    /// <summary>Whether the runs' models, and so their answers to single rows, are those of this line.</summary>
    public bool IsOfModel => IsEqualCompute || !HasBudget;

    /// <summary>The lines of a plan.</summary>
    public static IReadOnlyList<ReportLine> Of(SweepPlan plan)
    {
        var others = 0;
        return
        [
            .. plan.Variants.SelectMany<Variant, ReportLine>(variant =>
            {
                var color = variant == plan.Baseline ? 0 : ++others;
                var (atSteps, atCompute) = (new ReportLine(variant.Name, false, plan.HasBudget(variant), color), new ReportLine(variant.Name, true, plan.HasBudget(variant), color));
                return !plan.HasBudget(variant) ? [atSteps] : plan.Compute == Compute.Both ? [atSteps, atCompute] : [atCompute];
            }),
        ];
    }

    /// <summary>How a run of the variant answered, as far as this line is concerned; null of one that had no budget since its reference failed.</summary>
    public Evaluation? EvaluationOf(RunResult result) => !IsEqualCompute ? result.AtSteps : result.Spec.ComputeBudgetFlops > 0 ? result.AtEnd : null;

    /// <summary>What it had cost by then.</summary>
    public double FlopsOf(RunResult result) => !IsEqualCompute && HasBudget && result.AtSteps is { } evaluation ? evaluation.Flops : result.Flops;
}
