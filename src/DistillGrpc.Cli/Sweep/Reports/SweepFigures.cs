using System.Xml.Linq;
using DistillGrpc.Cli.Charts;
using DistillGrpc.Cli.Sweep.Runs;

namespace DistillGrpc.Cli.Sweep.Reports;

/// <summary>The pictures of a sweep: the paper's figures 4 to 9 for the user's rows.</summary>
internal sealed class SweepFigures(SweepReport report)
{
    private const string Accuracy = "held-out rows right";
    private readonly SweepRecord _sweep = report.Sweep;
    private readonly IReadOnlyList<ReportLine> _lines = ReportLine.Of(report.Sweep.Plan);

    /// <summary>Figures 4 and 5: a picture for every label source, beside one another.</summary>
    public IReadOnlyList<XElement> ByRows() =>
    [
        .. from data in _sweep.Data
           from student in _sweep.Plan.Students
           select Figure(_sweep.Plan.Labels.Select(labels => Plot(
               $"{Named(data.Name)}{student}, {LabelsText(labels)}", "rows learnt from", data, labels, CellsOf(data, labels).Where(cell => cell.Student == student), cell => cell.Rows)), data),
    ];

    /// <summary>Figures 6 and 7; empty with one student.</summary>
    public IReadOnlyList<XElement> BySize() => _sweep.Plan.Students.Count < 2
        ? []
        : [.. _sweep.Data.Select(data => Figure(_sweep.Plan.Labels.Select(labels => Plot(
            $"{Named(data.Name)}{data.Parts[^1].Rows} rows, {LabelsText(labels)}", "parameters", data, labels, CellsOf(data, labels).Where(cell => cell.Fraction == data.Parts[^1].Fraction), cell => cell.Parameters)), data))];

    /// <summary>Figures 8 and 9: how many rows each size of the student needs to beat the teacher. Null where there is but one size, or nobody does.</summary>
    public XElement? Beaten()
    {
        var beaten = report.Beaten.Where(each => each.Cells.Count > 0).ToArray();
        if (beaten.Length == 0 || _sweep.Plan.Students.Count < 2)
        {
            return null;
        }

        var plots = beaten.GroupBy(each => (each.Dataset, each.Labels)).Select(group => new LinePlot(
            $"Rows to beat the teacher: {Named(group.Key.Dataset)}{LabelsText(group.Key.Labels)}", "parameters", "fewest rows",
            [.. group.Select(each => new Series(each.Line, LineOf(each.Line).Color, LineOf(each.Line).IsEqualCompute, [.. each.Cells.Select(cell => new SeriesPoint(cell.Parameters, cell.Rows))]))],
            [])
        {
            IsShare = false,
            AlsoWithin = [0, _sweep.DataOf(group.Key.Dataset).Parts[^1].Rows],
        }.ToSvg());
        return Figure(plots, [.. beaten.Select(each => LineOf(each.Line)).Distinct()], []);
    }

    /// <summary>A heat map for every line, of the largest part of the rows, where classes are known.</summary>
    public IReadOnlyList<XElement> Confusion() =>
    [
        .. from runs in report.Runs.Where(run => run.HasSucceeded && run.Cell.Fraction == _sweep.Plan.Fractions[^1]).GroupBy(run => run.Cell with { Seed = 0 })
           from line in _lines.Where(line => line.Variant == runs.Key.Variant)
           let map = HeatMap.ToSvg($"{Named(runs.Key.Dataset)}{line.Name}, {runs.Key.Student}, {LabelsText(runs.Key.Labels)}", runs.SelectMany(run => line.EvaluationOf(run)?.Confusion.AsEnumerable() ?? []))
           where map is not null
           select map,
    ];

    private XElement Plot(string title, string x, SweepData data, string labels, IEnumerable<CellSummary> cells, Func<CellSummary, double> at)
    {
        var points = cells.ToLookup(cell => cell.Line);
        var all = report.Cells.Where(cell => cell.Dataset == data.Name).SelectMany(cell => cell.Accuracies.Values).Concat(data.Majority.Values);
        var series = _lines.Select(line => new Series(
            line.Name, line.Color, line.IsEqualCompute, [.. points[line.Name].OrderBy(at).Select(cell => new SeriesPoint(at(cell), cell.Mean, [.. cell.Accuracies.Values]))]));
        return new LinePlot(title, x, Accuracy, [.. series.Where(line => line.Points.Count > 0)], Levels(data, labels)) { AlsoWithin = [.. all] }.ToSvg();
    }

    private XElement Figure(IEnumerable<XElement> plots, SweepData data) =>
        Figure(plots, [.. _lines.Where(line => report.Cells.Any(cell => cell.Line == line.Name))], Levels(data, _sweep.Plan.Labels[0]));

    private static XElement Figure(IEnumerable<XElement> plots, IReadOnlyList<ReportLine> lines, IReadOnlyList<Level> levels) => new(
        "div", new XElement("div", new XAttribute("class", "figure"), plots), LinePlot.Legend(lines.Select(line => (line.Name, line.Color, line.IsEqualCompute)), levels));

    private Level[] Levels(SweepData data, string labels) =>
    [
        .. _sweep.HeldOut.TeacherAccuracy is { } teacher ? [new Level("teacher", teacher, "teacher")] : Array.Empty<Level>(),
        new Level("most frequent label", data.Majority.GetValueOrDefault(labels), "floor"),
    ];

    private IEnumerable<CellSummary> CellsOf(SweepData data, string labels) => report.Cells.Where(cell => cell.Dataset == data.Name && cell.Labels == labels);

    private ReportLine LineOf(string name) => _lines.First(line => line.Name == name);

    private string Named(string dataset) => _sweep.Data.Count > 1 ? $"{dataset}, " : "";

    private static string LabelsText(string labels) => labels switch { "gold" => "gold labels", "teacher" => "teacher's labels", _ => "gold, else the teacher's labels" };
}
