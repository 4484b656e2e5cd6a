using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Requests;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// Has a student that has learnt weigh the labels of held-out rows, with the engine that it will answer with; fits a temperature to one half of them, and counts on the other what its
/// probabilities are worth.
/// </summary>
/// <param name="run">The run.</param>
internal sealed class LabelCalibration(RunPhases run)
{
    /// <summary>Rows that a half has to have.</summary>
    public const int LeastRows = 100;

    /// <summary>Calibrates it; null where its labels are no classes.</summary>
    /// <exception cref="InvalidDataException">The student cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public Calibration? Make()
    {
        var card = ModelCard.Read(run.Folder.Student);
        if (card.Labels.Count < 2)
        {
            return null;
        }

        var tokenizer = TokenizerLoader.Load(run.Folder.Student);
        if (CandidateSet.Of(tokenizer, card.Labels, run.Options.MaxOutputTokens) is not { } set)
        {
            return Refused("the student cannot write all of its labels");
        }

        var labels = new LearntLabels(tokenizer, set);
        if (labels.Alike(run.Spec.Scorer) is var (one, other))
        {
            return Refused($"the labels '{one}' and '{other}' are the same to the scorer, and not to the student");
        }

        var needsRationale = card.Form == PredictionForm.LabelFromRationale;
        var rows = CalibrationRows.Of(run.HeldOut, run.Rows, run.Grouping, row => labels.GoldOf(row) >= 0 && (!needsRationale || HasHonestRationale(row)), run.Options.CalibrationRows);
        var calibration = new Calibration { FittedRows = rows.Fitted.Count, ReportRows = rows.Report.Count, UnusedRows = rows.Unused };
        if (Math.Min(rows.Fitted.Count, rows.Report.Count) < LeastRows)
        {
            calibration.Refusal = $"there are {rows.Fitted.Count} held-out rows to fit a temperature to and {rows.Report.Count} to report on, of at least {LeastRows} each";
            return calibration;
        }

        calibration.EarlyStoppingRows = run.Spec.Source.EarlyStoppingPatience > 0 ? rows.Report.Count : 0;
        var model = ServingModel.Load(run.Folder.Student, run.Options, run.Options.TrainingThreads);
        using var engine = model.Engine;
        calibration.Engine = engine.Name;
        Calibrate(calibration, rows, model, labels);
        return calibration;
    }

    private Calibration Refused(string why) => new() { Refusal = why, UnusedRows = run.HeldOut.Count };

    // A rationale of the gold label, which the teacher was shown, is not what it gives to an input that it does not know.
    private static bool HasHonestRationale(Example row) => row.Rationale.Length > 0 && row.Teaching?.Provenance?.Rationalized != true;

    private void Calibrate(Calibration calibration, CalibrationRows rows, ServingModel model, LearntLabels labels)
    {
        var progress = new AnswerProgress(TrainingPhase.Calibration, rows.Fitted.Count + rows.Report.Count, run.Report);
        var asked = new StudentAnswers(model, run.Spec.MaxTargetTokens, run.CancellationToken);
        calibration.Temperature = TemperatureFit.Of([.. asked.Choices(rows.Fitted, labels.Allowed, progress.Add).Zip(rows.Fitted.Select(labels.GoldOf))]);
        ChoiceLogits[] told = asked.Choices(rows.Report, labels.Allowed, progress.Add);
        int[] gold = [.. rows.Report.Select(labels.GoldOf)];
        double[][] after = [.. told.Select(row => row.LogProbabilities(calibration.Temperature))];
        calibration.Before = ProbabilityMetrics.Figures([.. told.Select(row => row.LogProbabilities())], gold);
        calibration.After = ProbabilityMetrics.Figures(after, gold);
        var (risks, area) = ProbabilityMetrics.Risks(after, gold);
        calibration.Risks.AddRange(risks);
        calibration.RiskArea = area;
    }
}
