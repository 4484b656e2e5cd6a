using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Student.Models;
using Grpc.Core;
using TorchSharp;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// Finds out about a student that has learnt: what it is worth beside one of labels alone, and how its rationales belong to its answers. A part that
/// fails is left out with a warning: a student that has learnt is worth more than what is known about it.
/// </summary>
/// <param name="run">The run.</param>
/// <param name="result">What it made; the student is in the job's folder.</param>
/// <param name="record">What it can be repeated from.</param>
/// <param name="known">The student's labels of the held-out rows, where they are known already; null where it has to be asked.</param>
/// <param name="logger">For failures that the warning does not explain.</param>
internal sealed class RunReport(RunPhases run, TrainingResult result, ReproducibilityRecord record, IReadOnlyList<string>? known, ILogger logger)
{
    /// <summary>Held-out rows whose rationales are looked at.</summary>
    private const int MostExplained = 500;

    private bool GivesRationales =>
        run.Spec.Source.Mode is TrainingMode.Unspecified or TrainingMode.DistillingStepByStep or TrainingMode.RationaleThenLabel && run.Rows.Any(row => row.Rationale.Length > 0);

    /// <summary>Finds out all of it. Needs held-out rows.</summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public TrainingReport Make()
    {
        torch.set_num_threads(run.Options.TrainingThreads);
        var taught = run.HeldOut.Where(row => row.TeacherLabel.Length > 0).ToArray();
        var report = new TrainingReport
        {
            Record = record,
            TeacherExamples = taught.Length,
            TeacherCorrect = taught.Count(row => run.Spec.Scorer.IsRight(row.TeacherLabel, row.Label, row.Answer)),
        };
        Try("BASELINE_FAILED", () => report.Baseline = new Baseline(run).Evaluate());
        Try("REPORT_INCOMPLETE", () => Answer(report));
        if (run.Options.Int8CheckRows > 0)
        {
            Try("INT8_CHECK_FAILED", () => report.Int8Check = Check());
        }

        if (run.Options.CalibrationRows > 0)
        {
            Try("CALIBRATION_FAILED", () => report.Calibration = Calibrate());
        }

        return report;
    }

    // Behind the check of int8, since the engine that answers is the one that is calibrated.
    private Calibration? Calibrate()
    {
        var calibration = new LabelCalibration(run).Make();
        if (calibration is not null)
        {
            CalibrationRecord.Write(run.Folder.Student, calibration);
        }

        return calibration;
    }

    // Beside the model before it is put into its place.
    private Int8Check Check()
    {
        var check = new Int8Comparison(run).Make();
        Int8Record.Write(run.Folder.Student, check);
        return check;
    }

    private void Answer(TrainingReport report)
    {
        var labels = TaskLabels();
        var wanted = ReportSamples.Wanted(run.Spec.Source);
        var (answers, explained) = Answers(GivesRationales ? Math.Max(wanted, labels is null ? 0 : MostExplained) : 0);
        report.Samples.AddRange(ReportSamples.Of(run.HeldOut, answers, wanted));
        report.Evaluation = LabelMetrics.Of(run.Spec.Scorer, run.HeldOut, [.. answers.Select(answer => answer.Label)], LabelMetrics.Majority(run.Rows.Select(row => RunRows.LabelOf(run.Spec, row))));
        (report.Evaluation.Step, report.Evaluation.Flops) = (result.Steps, result.Flops);
        if (labels is not null && explained > 0)
        {
            report.Faithfulness = Faithfulness(labels, [.. answers.Take(Math.Min(explained, MostExplained))]);
        }
    }

    // All rows are answered, the first of them with all that the student says.
    private (IReadOnlyList<StudentAnswer> Answers, int Explained) Answers(int explained)
    {
        using var model = LoadedModel.Load(run.Folder.Student);
        var answering = model.Answering();
        using var engine = answering.Engine;
        Example[] first = [.. run.HeldOut.Take(explained)], others = [.. run.HeldOut.Skip(explained)];
        var (asked, progress) = (new StudentAnswers(answering, run.Spec.MaxTargetTokens, run.CancellationToken), new AnswerProgress(TrainingPhase.Answers, known is null ? run.HeldOut.Count : first.Length, run.Report));
        return ([.. asked.Explained(first, progress.Add), .. (known?.Skip(first.Length) ?? asked.Labels(others, progress.Add)).Select(label => new StudentAnswer(label, "", ""))], first.Length);
    }

    private RationaleFaithfulness Faithfulness(LabelWords labels, IReadOnlyList<StudentAnswer> answers)
    {
        string[] given = [.. answers.Select(answer => answer.Label)], rationales = [.. answers.Select(answer => answer.Rationale)], ofLabels = [.. answers.Select(answer => answer.RationaleOfLabel)];
        var hasOfLabels = ofLabels.Any(rationale => rationale.Length > 0);
        IReadOnlyList<string>? read = null;
        if (run.Spec.Source.Report is { Simulatability: true })
        {
            Try("READER_FAILED", () => read = new RationaleReader(run, labels).Read(hasOfLabels ? [.. rationales, .. ofLabels] : rationales));
        }

        return new RationaleFaithfulness
        {
            Rationale = RationaleAgreements.Of(labels, given, rationales, read is null ? null : [.. read.Take(given.Length)]),
            RationaleOfLabel = hasOfLabels ? RationaleAgreements.Of(labels, given, ofLabels, read is null ? null : [.. read.Skip(given.Length)]) : null,
        };
    }

    // What a rationale could state.
    private LabelWords? TaskLabels() => RunLabels.Of(run.Spec, run.Rows) is { Count: > 0 } labels ? new LabelWords(labels) : null;

    private void Try(string reason, Action part)
    {
        try
        {
            part();
        }
        catch (Exception failure) when (!run.CancellationToken.IsCancellationRequested)
        {
            var why = (failure as RpcException)?.Status.Detail;
            if (why is null)
            {
                StudentLog.ReportFailed(logger, failure, reason);
            }

            run.Report(new TrainingEvent { Warning = new TrainingWarning { Reason = reason, Message = $"The report lacks a part: {why ?? "the log says why."}" } });
        }
    }
}
