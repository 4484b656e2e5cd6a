using System.Globalization;
using System.Xml.Linq;
using DistillGrpc.Cli.Charts;
using DistillGrpc.Cli.Sweep.Runs;

namespace DistillGrpc.Cli.Sweep.Reports;

/// <summary>A sweep's results as a page.</summary>
internal sealed class SweepPage(SweepReport report)
{
    private readonly SweepRecord _sweep = report.Sweep;
    private readonly SweepFigures _figures = new(report);

    public string Text() => HtmlPage.Text(
        $"Sweep {_sweep.Plan.Name}", Lead(),
        HtmlPage.Section("Accuracy by number of rows", HtmlPage.Text("Lines join the means over seeds; bars go from the lowest seed to the highest, and dots are the seeds."), _figures.ByRows()),
        _figures.BySize() is { Count: > 0 } bySize ? HtmlPage.Section("Accuracy by size of the student", HtmlPage.Text("Of the largest part of the rows."), bySize) : null,
        Beaten(), Differences(), Cells(), Confusion(), Settings(), Failures(), Reproduce());

    private IEnumerable<XElement> Lead()
    {
        var (plan, heldOut) = (_sweep.Plan, _sweep.HeldOut);
        yield return HtmlPage.Text($"{report.Runs.Count} runs: {string.Join(", ", plan.Variants.Select(variant => variant.Name))}; {Join(plan.Students)}; labels: {Join(plan.Labels)}; {plan.Fractions.Count} sizes of {Join(plan.Datasets.Select(dataset => dataset.Name))}; seeds {Join(plan.Seeds)}. "
            + $"Evaluated on {heldOut.Rows} held-out rows by which nothing was chosen{(heldOut.TeacherAccuracy is { } teacher ? $"; the teacher gets {Share(teacher)} of {heldOut.TeacherRows} of them right" : "")}.");
        if (report.Missing > 0)
        {
            yield return HtmlPage.Text($"The sweep is not complete: {report.Missing} runs have not ended.");
        }

        foreach (var data in _sweep.Data.Where(data => data.SharedInputs + data.SharedGroups > 0))
        {
            yield return HtmlPage.Text($"Warning: {data.SharedInputs} held-out rows have an input of {data.Name}, and {data.SharedGroups} a group: they tell too much.");
        }

        if (plan.Reference is { } reference)
        {
            yield return HtmlPage.Text($"Equal steps: every variant makes as many optimiser steps on labels. Equal compute: {plan.Baseline.Name} goes on, with a learning rate that rises and falls once more, until it has used as many floating point operations as the label steps of {reference.Name} with the same rows and seed.");
        }
    }

    private XElement? Beaten()
    {
        if (_sweep.HeldOut.TeacherAccuracy is not { } teacher)
        {
            return null;
        }

        string[][] rows = [.. report.Beaten.Select(each => new[]
        {
            each.Dataset, each.Labels, each.Line, each.Cell?.Student ?? "no student did", each.Cell is { } cell ? Scale.Short(cell.Parameters) : "", each.Cell is { } beaten ? Number(beaten.Rows) : "", each.Cell is { } best ? Share(best.Mean) : "",
        })];
        return HtmlPage.Section(
            "What it takes to beat the teacher",
            HtmlPage.Text($"The smallest student, and with it the fewest rows, whose mean is above the teacher's {Share(teacher)}; the picture has the fewest rows for each student that is."),
            _figures.Beaten(), HtmlPage.Table(2, ["rows of", "labels", "variant", "student", "parameters", "rows", "accuracy"], rows));
    }

    private XElement? Differences() => report.Differences.Count == 0 ? null : HtmlPage.Section(
        $"Differences to {_sweep.Plan.Baseline.Name}",
        HtmlPage.Text("In percentage points, paired by seed. Over seeds: the 95% t interval, for two seeds or more. Over rows: the 95% interval of a paired bootstrap over the held-out rows, those of one group drawn together; where the baseline has two figures, for the one of equal compute, whose model answered the rows. An interval without 0 is a difference that other seeds, or other rows, would hardly take away; with many comparisons some are so by chance."),
        HtmlPage.Table(
            3, ["rows of", "student", "labels", "rows", "variant", "against", "difference", "over seeds", "seeds", "over rows", "groups"],
            [.. report.Differences.Select(each => new[]
            {
                each.Dataset, each.Student, each.Labels, Number(_sweep.PartOf(each.Dataset, each.Fraction).Rows), each.Line, each.Against, Points(each.Mean), Text(each.OverSeeds), each.OverSeeds is { } seeds ? Number(seeds.Count) : "", Text(each.OverRows), each.OverRows is { } rows ? Number(rows.Count) : "",
            })]));

    private XElement Cells()
    {
        var (hasF1, hasFailed) = (report.Cells.Any(cell => cell.MacroF1 is not null), report.Cells.Any(cell => cell.Failed > 0));
        return HtmlPage.Section(
            "All cells",
            HtmlPage.Text("Floating point operations are counted from shapes. Seconds are those in steps, of the whole run: at equal steps, too, those of the steps that follow for equal compute."),
            HtmlPage.Table(
                3, ["rows of", "student", "labels", "parameters", "rows", "variant", "mean", "sd", "seeds", .. hasF1 ? ["macro F1"] : Array.Empty<string>(), "FLOPs", "seconds", .. hasFailed ? ["failed"] : Array.Empty<string>()],
                [.. report.Cells.Select(cell => (string[])
                [
                    cell.Dataset, cell.Student, cell.Labels, Scale.Short(cell.Parameters), Number(cell.Rows), cell.Line, Share(cell.Mean), cell.Accuracies.Count > 1 ? Share(cell.Deviation) : "", Number(cell.Accuracies.Count),
                    .. hasF1 ? [cell.MacroF1?.ToString("0.000", CultureInfo.InvariantCulture) ?? ""] : Array.Empty<string>(),
                    cell.Flops.ToString("0.00e0", CultureInfo.InvariantCulture), cell.Seconds.ToString("0.0", CultureInfo.InvariantCulture), .. hasFailed ? [Number(cell.Failed)] : Array.Empty<string>(),
                ])]));
    }

    private XElement? Confusion() => _figures.Confusion() is { Count: > 0 } maps
        ? HtmlPage.Section("Which label was predicted for which", HtmlPage.Text("Of the largest part of the rows, summed over seeds."), new XElement("div", new XAttribute("class", "figure"), maps))
        : null;

    private XElement? Settings() => report.Choices.Count == 0 ? null : HtmlPage.Section(
        "Tuned settings",
        HtmlPage.Text($"Every variant tried the same settings, with the largest part of the rows and the seed {_sweep.Plan.Seeds[0]}; those with the most development rows right were taken, of equal ones the first. Settings that make no difference to a variant were tried once. The development rows ({Join(_sweep.Data.Select(data => $"{data.Development?.Rows} of {data.Name}"))}) were taken from those that are learnt from, by group; nobody learnt from them, and no held-out row was looked at."),
        HtmlPage.Table(
            3, ["rows of", "student", "labels", "variant", "taken", "tried: share of development rows right"],
            [.. report.Choices.Select(choice => new[] { choice.Dataset, choice.Student, choice.Labels, choice.Variant, $"{choice.Chosen}", string.Join("; ", choice.Tried.Select(tried => $"{tried.Fields}: {(tried.Accuracy is { } share ? Share(share) : "failed")}")) })]));

    private XElement? Failures()
    {
        var failed = report.Runs.Where(run => !run.HasSucceeded).ToArray();
        return failed.Length == 0 ? null : HtmlPage.Section(
            "Runs that did not succeed",
            HtmlPage.Table(["run", "state", "reason", "message", "job"], failed.Select(run => new[] { run.Cell.Text, run.State, run.Reason, run.Message, run.Job })));
    }

    private XElement Reproduce() => HtmlPage.Section(
        "To repeat it",
        HtmlPage.Details("Command", _sweep.Command),
        HtmlPage.Details("Rows", string.Join('\n', _sweep.Data.Select(data => $"{data.Name}: {data.Dataset}, {data.Rows} rows, SHA-256 {data.Hash}{string.Concat(data.Parts.Select(part => string.Create(CultureInfo.InvariantCulture, $"\n  {part.Fraction:0.######}: {part.Dataset}, {part.Rows} rows")))}{(data.Development is { } development ? $"\n  development: {development.Dataset}, {development.Rows} rows" : "")}").Append($"held out: {_sweep.HeldOut.Dataset}, SHA-256 {_sweep.HeldOut.Hash}").Append($"divided by {_sweep.Plan.GroupBy}, seed {_sweep.Plan.SplitSeed}"))),
        HtmlPage.Details("Plan", ResultFolder.TextIndented(_sweep.Plan)),
        HtmlPage.Details("One run of each variant", string.Join('\n', report.Runs.DistinctBy(run => run.Cell.Variant).Select(run => $"{run.Cell.Text}\n  {ResultFolder.Text(run.Spec)}"))),
        HtmlPage.Details("Software", string.Join('\n', _sweep.Software.Concat(report.Runs.Select(run => run.Report?.Record?.Software).FirstOrDefault(software => software is not null)?.Select(each => KeyValuePair.Create($"Student: {each.Key}", each.Value)) ?? []).Select(each => $"{each.Key}: {each.Value}"))));

    private static string Text(Statistics.Interval? interval) => interval is null ? "" : $"{Points(interval.Low)} to {Points(interval.High)}";

    private static string Points(double difference) => (difference * 100).ToString("+0.0;−0.0;0.0", CultureInfo.InvariantCulture);

    private static string Share(double share) => string.Create(CultureInfo.InvariantCulture, $"{share * 100:0.0}%");

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Join<T>(IEnumerable<T> values) => string.Join(", ", values);
}
