using System.Xml.Linq;
using DistillGrpc.Cli.Charts;
using DistillGrpc.Cli.Models;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Jobs;

/// <summary>How far probabilities can be trusted, in pictures.</summary>
internal static class CalibrationCharts
{
    /// <summary>The reliability diagram, and risk against coverage; null where there is no calibration.</summary>
    public static XElement? Of(Calibration? calibration) => calibration is not { Before: { } before, After: { } after, Risks.Count: > 0 } ? null : HtmlPage.Section(
        "How far probabilities can be trusted",
        HtmlPage.Text(CalibrationText.Of(calibration)),
        new XElement("div", new XAttribute("class", "figure"), Reliability(before, after), Risk(calibration, after)));

    private static XElement Reliability(ProbabilityFigures before, ProbabilityFigures after)
    {
        Series[] lines =
        [
            new("as it should be", 0, true, [new SeriesPoint(0, 0), new SeriesPoint(1, 1)]),
            new("without the temperature", 2, false, Points(before)),
            new("calibrated", 1, false, Points(after)),
        ];
        return Picture(new LinePlot("Right, by probability", "probability of the likeliest label", "rows right", lines, []) { IsLog = false, AlsoWithin = [0, 1] });
    }

    private static XElement Risk(Calibration calibration, ProbabilityFigures after)
    {
        Series[] lines = [new("calibrated", 1, false, [.. calibration.Risks.Select(point => new SeriesPoint(point.Coverage, point.Risk))])];
        return Picture(new LinePlot("Risk against coverage", "share of rows that are answered, the surest first", "of those wrong", lines, [new Level("all rows answered", 1 - after.Accuracy, "floor")]) { IsLog = false, AlsoWithin = [0] });
    }

    private static SeriesPoint[] Points(ProbabilityFigures figures) => [.. figures.Bins.Select(bin => new SeriesPoint(bin.Probability, bin.Accuracy))];

    private static XElement Picture(LinePlot plot) => new("div", plot.ToSvg(), LinePlot.Legend(plot.Series.Select(line => (line.Name, line.Color, line.IsDashed)), plot.Levels));
}
