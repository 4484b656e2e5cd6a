using System.Globalization;
using System.Text;
using DistillGrpc.Cli.Models;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Jobs;

/// <summary>What a training job has found out: as text, as the contract's JSON, or as a page with pictures. Of what is not known nothing is said.</summary>
internal sealed class TrainingJobReport(TrainingJob job)
{
    private const int ShownSamples = 3;
    private const int ShownConfusions = 20;

    private readonly TrainingReport _report = Of(job);

    /// <summary>Prints it, and writes the page where there is a file for it.</summary>
    public static async Task WriteAsync(TrainingClient client, string name, FileInfo? page, bool isJson, CancellationToken cancellationToken)
    {
        var job = await client.GetAsync(name, cancellationToken);
        if (page is not null)
        {
            await using var file = new UnfinishedFile(page, "--html");
            var history = await TrainingHistory.ReadAsync(client, job, cancellationToken);
            await file.Stream.WriteAsync(Encoding.UTF8.GetBytes(new TrainingJobPage(job, history).Text()), cancellationToken);
            await file.CompleteAsync();
        }

        var report = new TrainingJobReport(job);
        Console.WriteLine(isJson ? ProtoJson.Text(report._report) : report.Text());
    }

    /// <summary>A job's report; a job without one may have been evaluated all the same.</summary>
    public static TrainingReport Of(TrainingJob job) => job.Result?.Report ?? new TrainingReport { Evaluation = job.Evaluation };

    /// <summary>Evaluations and floors, each with its name.</summary>
    public static IEnumerable<(string Name, string Text)> Figures(TrainingReport report) => [.. OfAccuracy(report), .. OfAnswers(report)];

    private static IEnumerable<(string Name, string Text)> OfAccuracy(TrainingReport report)
    {
        if (report.Evaluation is { Examples: > 0 } end)
        {
            yield return ("student", Text(end));
        }

        if (report.Baseline is { Examples: > 0 } baseline)
        {
            yield return ("label only, as many steps", Text(baseline));
        }

        if (report.TeacherExamples > 0)
        {
            yield return ("teacher", $"{report.TeacherCorrect} of {report.TeacherExamples} right ({Share(report.TeacherCorrect, report.TeacherExamples)})");
        }

        if (report.Evaluation is { MajorityCorrect: > 0 } floor)
        {
            yield return ("most frequent label", $"{floor.MajorityCorrect} of {floor.Examples} right ({Share(floor.MajorityCorrect, floor.Examples)})");
        }
    }

    // What answers are worth beside their labels.
    private static IEnumerable<(string Name, string Text)> OfAnswers(TrainingReport report)
    {
        if (report.Faithfulness?.Rationale is { Examples: > 0 } apart)
        {
            yield return ("faithfulness", Text(apart));
        }

        if (report.Faithfulness?.RationaleOfLabel is { Examples: > 0 } ofLabel)
        {
            yield return ("faithfulness, of the given label", Text(ofLabel));
        }

        if (report.Int8Check is { } check)
        {
            yield return ("int8 beside float32", Int8Text.Of(check));
        }

        if (report.Calibration is { } calibration)
        {
            yield return ("calibration", CalibrationText.Of(calibration));
            if (CalibrationText.Risk(calibration) is { Length: > 0 } risk)
            {
                yield return ("wrong of the surest", risk);
            }
        }
    }

    /// <summary>The classes' figures as text, in the order of their columns.</summary>
    public static string[] Row(ClassMetrics one) => [one.Label, one.Examples.ToString(CultureInfo.InvariantCulture), Three(one.Precision), Three(one.Recall), Three(one.F1)];

    public string Text()
    {
        var text = new StringBuilder(TrainingJobs.Text(job)).AppendLine();
        foreach (var (name, figure) in Figures(_report))
        {
            text.AppendLine($"{name}: {figure}");
        }

        if (_report.Evaluation is { Classes.Count: > 0 } evaluation)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{"class",-24} {"rows",6} {"precision",10} {"recall",8} {"F1",8}");
            foreach (var row in evaluation.Classes.Select(Row))
            {
                text.AppendLine($"{row[0],-24} {row[1],6} {row[2],10} {row[3],8} {row[4],8}");
            }
        }

        foreach (var cell in (_report.Evaluation?.Confusion ?? []).Where(cell => cell.Label != cell.Predicted).OrderByDescending(cell => cell.Count).Take(ShownConfusions))
        {
            text.AppendLine($"{cell.Label} answered as {(cell.Predicted.Length > 0 ? cell.Predicted : "none of the classes")}: {cell.Count}");
        }

        foreach (var sample in _report.Samples.Take(ShownSamples))
        {
            text.AppendLine($"\n{string.Join('\n', sample.Example?.Segments ?? [])}").AppendLine($"  gold       {sample.Example?.Label}").AppendLine($"  label      {sample.Label}");
            Line(text, "rationale", sample.Rationale);
            Line(text, "of label", sample.RationaleOfLabel);
            Line(text, "teacher's", sample.Example?.Rationale ?? "");
        }

        return text.ToString().TrimEnd();
    }

    private static string Text(Evaluation evaluation) => $"{evaluation.Correct} of {evaluation.Examples} right ({Share(evaluation.Correct, evaluation.Examples)}){(evaluation.Classes.Count > 0 ? $", macro F1 {Three(evaluation.MacroF1)}" : "")}";

    private static string Text(RationaleAgreement agreement) => string.Join(", ",
    [
        $"{agreement.Examples} rationales",
        .. agreement.Stating > 0 ? [$"{agreement.Stating} name a label, {Share(agreement.StatingGiven, agreement.Stating)} of them the one that was given"] : Array.Empty<string>(),
        .. agreement.ReadBack + agreement.MajorityReadBack > 0 ? [$"the label is read back from {Share(agreement.ReadBack, agreement.Examples)} (the most frequent one: {Share(agreement.MajorityReadBack, agreement.Examples)})"] : Array.Empty<string>(),
        .. agreement.Unstated > 0 ? [$"from {Share(agreement.UnstatedReadBack, agreement.Unstated)} of {agreement.Unstated} that name none"] : Array.Empty<string>(),
    ]);

    private static void Line(StringBuilder text, string name, string said)
    {
        if (said.Length > 0)
        {
            text.AppendLine($"  {name,-10} {said}");
        }
    }

    private static string Three(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);

    private static string Share(int part, int whole) => string.Create(CultureInfo.InvariantCulture, $"{100.0 * part / Math.Max(1, whole):0.0}%");
}
