using DistillGrpc.Cli.Sweep.Runs;

namespace DistillGrpc.Cli.Sweep.Reports;

/// <summary>All that a sweep has found out.</summary>
/// <param name="Sweep">What it is made from.</param>
/// <param name="Runs">The runs that count, as far as they have ended.</param>
/// <param name="Missing">Runs that have not ended.</param>
/// <param name="Cells">Runs summed up over seeds.</param>
/// <param name="Differences">Each line against the baseline's.</param>
/// <param name="Beaten">What it takes to beat the teacher; empty where its accuracy is not known.</param>
/// <param name="Choices">Which settings were chosen; empty where none were.</param>
internal sealed record SweepReport(
    SweepRecord Sweep, IReadOnlyList<RunResult> Runs, int Missing, IReadOnlyList<CellSummary> Cells, IReadOnlyList<Difference> Differences, IReadOnlyList<TeacherBeaten> Beaten, IReadOnlyList<TuningChoice> Choices)
{
    /// <summary>Reads a folder.</summary>
    /// <exception cref="InvalidDataException">It holds no sweep, or a file of it is damaged.</exception>
    public static SweepReport Of(ResultFolder folder)
    {
        var record = folder.ReadRecord();
        var plan = record.Plan;
        Cell[] cells = [.. SweepCells.Counting(plan)];
        RunResult[] runs = [.. cells.Select(folder.Find).OfType<RunResult>()];
        var lines = ReportLine.Of(plan);
        var groups = runs.GroupBy(run => run.Cell with { Variant = "", Seed = 0 }).Select(group => group.ToLookup(run => run.Cell.Variant)).ToArray();
        CellSummary[] summaries = [.. groups.SelectMany(group => lines.Select(line => CellSummary.Of(line, [.. group[line.Variant]]))).OfType<CellSummary>()];
        var differences =
            from @group in groups
            from against in lines.Where(line => line.Variant == plan.Baseline.Name)
            from line in lines.Where(line => line.Variant != plan.Baseline.Name)
            select Difference.Of(line, against, [.. @group[line.Variant]], [.. @group[against.Variant]], folder.FindAnswers);
        return new SweepReport(
            record, runs, cells.Length - runs.Length, summaries, [.. differences.OfType<Difference>()],
            record.HeldOut.TeacherAccuracy is { } teacher ? TeacherBeaten.Of(summaries, teacher) : [],
            TuningChoice.Of(plan, new CellSpecs(plan, record.HeldOut.Dataset), folder.Find));
    }

    /// <summary>Writes <c>report.html</c>, <c>report.csv</c> and <c>report.json</c>.</summary>
    public void Write(ResultFolder folder)
    {
        folder.Write("report.json", ResultFolder.TextIndented(this));
        folder.Write("report.csv", SweepTable.Csv(this));
        folder.Write("report.html", new SweepPage(this).Text());
    }
}
