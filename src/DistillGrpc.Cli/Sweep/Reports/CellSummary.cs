using DistillGrpc.Cli.Sweep.Runs;
using DistillGrpc.Cli.Sweep.Statistics;

namespace DistillGrpc.Cli.Sweep.Reports;

/// <summary>Runs that differ in their seed alone.</summary>
/// <param name="Dataset">The rows.</param>
/// <param name="Student">The student.</param>
/// <param name="Labels">The label source.</param>
/// <param name="Fraction">The part of the rows.</param>
/// <param name="Line">How they were learnt.</param>
/// <param name="Rows">Rows of the part.</param>
/// <param name="Parameters">The student's parameters.</param>
/// <param name="Accuracies">Share of the held-out rows that was right, by seed.</param>
/// <param name="Mean">Their mean.</param>
/// <param name="Deviation">Their standard deviation, with n - 1; 0 of one seed.</param>
/// <param name="MacroF1">Mean over seeds of the classes' mean F1; null where it is not known.</param>
/// <param name="Flops">Mean of the floating point operations.</param>
/// <param name="Seconds">Mean time in steps; of a run with a budget, with what the budget took.</param>
/// <param name="Failed">Runs that have not succeeded.</param>
internal sealed record CellSummary(
    string Dataset, string Student, string Labels, double Fraction, string Line, long Rows, long Parameters, IReadOnlyDictionary<long, double> Accuracies, double Mean, double Deviation, double? MacroF1, double Flops, double Seconds, int Failed)
{
    /// <summary>Sums up runs; null where none has succeeded.</summary>
    public static CellSummary? Of(ReportLine line, IReadOnlyList<RunResult> runs)
    {
        var ended = runs.Where(run => run.HasSucceeded && line.EvaluationOf(run) is not null).ToArray();
        if (ended.Length == 0)
        {
            return null;
        }

        var cell = ended[0].Cell;
        var accuracies = ended.ToDictionary(run => run.Cell.Seed, run => RunResult.Share(line.EvaluationOf(run)!));
        var f1 = ended.Select(run => line.EvaluationOf(run)!).Where(evaluation => evaluation.Classes.Count > 0).Select(evaluation => evaluation.MacroF1).ToArray();
        return new CellSummary(
            cell.Dataset, cell.Student, cell.Labels, cell.Fraction, line.Name, ended[0].Rows, ended[0].Parameters, accuracies, accuracies.Values.Average(), StudentT.Deviation(accuracies.Values),
            f1.Length > 0 ? f1.Average() : null, ended.Average(line.FlopsOf), ended.Average(run => run.Seconds), runs.Count - ended.Length);
    }
}
