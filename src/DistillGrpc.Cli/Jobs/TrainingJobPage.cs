using System.Xml.Linq;
using DistillGrpc.Cli.Charts;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Jobs;

/// <summary>A training job's report as a page.</summary>
internal sealed class TrainingJobPage(TrainingJob job, TrainingHistory history)
{
    private readonly TrainingReport _report = TrainingJobReport.Of(job);

    public string Text() => HtmlPage.Text(
        job.Name, HtmlPage.Text(TrainingJobs.Text(job)),
        TrainingJobReport.Figures(_report).ToArray() is { Length: > 0 } figures ? HtmlPage.Table(["on the held-out rows", ""], figures.Select(figure => new[] { figure.Name, figure.Text })) : null,
        Curves() is { Length: > 0 } curves ? HtmlPage.Section("Training", new XElement("div", new XAttribute("class", "figure"), curves)) : null,
        Classes(), CalibrationCharts.Of(_report.Calibration), Samples(),
        HtmlPage.Section("To repeat it", HtmlPage.Details("Run", ProtoJson.Text(job.Spec)), _report.Record is { } record ? HtmlPage.Details("Record", ProtoJson.Text(record)) : null));

    private XElement[] Curves()
    {
        var losses = history.Losses();
        XElement?[] curves =
        [
            losses.Count == 0 ? null : Curve("Loss by task", "loss", [.. losses.Select((task, i) => Line(task.Key, i, task.Value))]),
            history.Progress.Count == 0 ? null : Curve("Learning rate", "learning rate", [Line("learning rate", 1, history.Progress.Select(at => (at.Step, at.LearningRate)))]),
            history.Evaluations.Count < 2 ? null : Accuracy(),
        ];
        return [.. curves.OfType<XElement>()];
    }

    private XElement Accuracy()
    {
        var plot = new LinePlot("Held-out rows right", "step", "held-out rows right", [Line("student", 1, history.Evaluations.Select(at => (at.Step, (double)at.Correct / Math.Max(1, at.Examples))))], Levels()) { IsLog = false };
        return new XElement("div", plot.ToSvg(), LinePlot.Legend([("student", 1, false)], Levels()));
    }

    private Level[] Levels() =>
    [
        .. _report.TeacherExamples > 0 ? [new Level("teacher", (double)_report.TeacherCorrect / _report.TeacherExamples, "teacher")] : Array.Empty<Level>(),
        .. _report.Evaluation is { MajorityCorrect: > 0, Examples: > 0 } floor ? [new Level("most frequent label", (double)floor.MajorityCorrect / floor.Examples, "floor")] : Array.Empty<Level>(),
    ];

    private XElement? Classes()
    {
        var evaluation = _report.Evaluation;
        var map = HeatMap.ToSvg("Which label was predicted for which", evaluation?.Confusion ?? []);
        var table = evaluation is { Classes.Count: > 0 } ? HtmlPage.Table(["class", "rows", "precision", "recall", "F1"], evaluation.Classes.Select(TrainingJobReport.Row)) : null;
        return map is null && table is null ? null : HtmlPage.Section("Classes", new XElement("div", new XAttribute("class", "figure"), table, map is null ? null : new XElement("div", map)));
    }

    private XElement? Samples() => _report.Samples.Count == 0 ? null : HtmlPage.Section(
        "Held-out rows as the student answers and explains them",
        HtmlPage.Table(
            ["input", "gold", "label", "rationale", "rationale of the label", "teacher's rationale"],
            _report.Samples.Select(sample => new[] { string.Join(" / ", sample.Example?.Segments ?? []), sample.Example?.Label ?? "", sample.Label, sample.Rationale, sample.RationaleOfLabel, sample.Example?.Rationale ?? "" })));

    private static XElement Curve(string title, string y, IReadOnlyList<Series> series) => new(
        "div", new LinePlot(title, "step", y, series, []) { IsLog = false, IsShare = false, HasMarks = false }.ToSvg(), series.Count < 2 ? null : LinePlot.Legend(series.Select(line => (line.Name, line.Color, line.IsDashed)), []));

    private static Series Line(string name, int color, IEnumerable<(int Step, double Value)> values) => new(name, color, false, [.. values.Select(at => new SeriesPoint(at.Step, at.Value))]);
}
