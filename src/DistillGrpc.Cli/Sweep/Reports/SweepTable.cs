using System.Globalization;
using System.Text;
using DistillGrpc.Cli.Sweep.Runs;

namespace DistillGrpc.Cli.Sweep.Reports;

/// <summary>A sweep's results as text.</summary>
internal static class SweepTable
{
    /// <summary>A line for every run; what is not known is empty.</summary>
    public static string Csv(SweepReport report)
    {
        var text = new StringBuilder("sweep,dataset,student,parameters,labels,fraction,rows,label_rows,rationale_rows,variant,settings,seed,state,reason,held_out_rows,right_at_steps,accuracy_at_steps,right_at_end,accuracy_at_end,macro_f1_at_end,steps,step_flops,flops,seconds,job\n");
        foreach (var run in report.Runs)
        {
            var settings = report.Choices.FirstOrDefault(choice => choice.Dataset == run.Cell.Dataset && choice.Student == run.Cell.Student && choice.Labels == run.Cell.Labels && choice.Variant == run.Cell.Variant);
            object?[] fields =
            [
                report.Sweep.Plan.Name, run.Cell.Dataset, run.Cell.Student, Known(run.Parameters), run.Cell.Labels, run.Cell.Fraction, run.Rows, run.LabelRows, run.RationaleRows, run.Cell.Variant, settings?.Chosen, run.Cell.Seed,
                run.State, run.Reason, run.AtEnd?.Examples, run.AtSteps?.Correct, Share(run.AtSteps), run.AtEnd?.Correct, Share(run.AtEnd), run.AtEnd is { Classes.Count: > 0 } end ? end.MacroF1 : null,
                run.Steps, Known(run.StepFlops), Known(run.Flops), run.Seconds, run.Job,
            ];
            text.AppendJoin(',', fields.Select(Quoted)).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Means on a terminal.</summary>
    public static string Text(SweepReport report)
    {
        var text = new StringBuilder();
        foreach (var cells in report.Cells.GroupBy(cell => (cell.Dataset, cell.Student, cell.Labels)))
        {
            var lines = cells.Select(cell => cell.Line).Distinct().ToArray();
            var width = Math.Max(12, lines.Max(line => line.Length)) + 2;
            text.AppendLine(CultureInfo.InvariantCulture, $"{cells.Key.Dataset}, {cells.Key.Student}, labels: {cells.Key.Labels}");
            text.AppendLine($"  {"rows".PadLeft(8)}{string.Concat(lines.Select(line => line.PadLeft(width)))}");
            foreach (var rows in cells.GroupBy(cell => cell.Rows))
            {
                var shares = lines.Select(line => rows.FirstOrDefault(cell => cell.Line == line) is { } cell ? Share(cell) : "-");
                text.AppendLine($"  {rows.Key,8}{string.Concat(shares.Select(share => share.PadLeft(width)))}");
            }
        }

        return report.Sweep.HeldOut.TeacherAccuracy is { } teacher
            ? text.Append(CultureInfo.InvariantCulture, $"teacher: {teacher * 100:0.0}% of {report.Sweep.HeldOut.TeacherRows} held-out rows").ToString()
            : text.ToString().TrimEnd();
    }

    private static string Share(CellSummary cell) => string.Create(CultureInfo.InvariantCulture, $"{cell.Mean * 100:0.0}%{(cell.Accuracies.Count > 1 ? $" ±{cell.Deviation * 100:0.0}" : "")}");

    private static double? Share(Contracts.V1.Evaluation? evaluation) => evaluation is null ? null : Math.Round(RunResult.Share(evaluation), 6);

    private static double? Known(double value) => value > 0 ? value : null;

    private static string Quoted(object? value)
    {
        var text = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        return text.AsSpan().IndexOfAny("\",\n\r") >= 0 ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
    }
}
