using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Scoring;
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

        var learnt = card.Labels.Select(ScoringRules.Normal).ToHashSet(StringComparer.Ordinal);
        var needsRationale = card.Form == PredictionForm.LabelFromRationale;
        var rows = CalibrationRows.Of(run.HeldOut, run.Rows, row => learnt.Contains(ScoringRules.Normal(row.Label)) && (!needsRationale || HasHonestRationale(row)), run.Options.CalibrationRows);
        var calibration = new Calibration { FittedRows = rows.Fitted.Count, ReportRows = rows.Report.Count, UnusedRows = rows.Unused };
        if (Math.Min(rows.Fitted.Count, rows.Report.Count) < LeastRows)
        {
            calibration.Refusal = $"there are {rows.Fitted.Count} held-out rows to fit a temperature to and {rows.Report.Count} to report on, of at least {LeastRows} each";
            return calibration;
        }

        var model = ServingModel.Load(run.Folder.Student, run.Options, run.Options.TrainingThreads);
        using var engine = model.Engine;
        calibration.Engine = engine.Name;
        if (CandidateSet.Of(model, run.Options.MaxOutputTokens) is { } labels)
        {
            Calibrate(calibration, rows, model, labels);
        }
        else
        {
            calibration.Refusal = "the student cannot write all of its labels";
        }

        return calibration;
    }

    // A rationale of the gold label, which the teacher was shown, is not what it gives to an input that it does not know.
    private static bool HasHonestRationale(Example row) => row.Rationale.Length > 0 && row.Teaching?.Provenance?.Rationalized != true;

    private void Calibrate(Calibration calibration, CalibrationRows rows, ServingModel model, CandidateSet labels)
    {
        var progress = new AnswerProgress(TrainingPhase.Calibration, rows.Fitted.Count + rows.Report.Count, run.Report);
        var asked = new StudentAnswers(model, run.Spec.MaxTargetTokens, run.CancellationToken);
        string[] order = [.. labels.InOrder()], normal = [.. order.Select(ScoringRules.Normal)];
        // Labels that the student writes alike are one; the set has the first of them.
        int GoldOf(Example row) => Array.IndexOf(order, labels.LabelOf(model.Tokenizer.Decode(model.Tokenizer.Encode(row.Label)))) is var at and >= 0 ? at : Array.IndexOf(normal, ScoringRules.Normal(row.Label));
        int[] Gold(IReadOnlyList<Example> of) => [.. of.Select(GoldOf)];

        rows = new CalibrationRows([.. rows.Fitted.Where(row => GoldOf(row) >= 0)], [.. rows.Report.Where(row => GoldOf(row) >= 0)], rows.Unused);
        calibration.Temperature = TemperatureFit.Of([.. asked.Choices(rows.Fitted, labels.Allowed, progress.Add).Zip(Gold(rows.Fitted))]);
        ChoiceLogits[] told = asked.Choices(rows.Report, labels.Allowed, progress.Add);
        var gold = Gold(rows.Report);
        double[][] after = [.. told.Select(row => row.LogProbabilities(calibration.Temperature))];
        calibration.Before = ProbabilityMetrics.Figures([.. told.Select(row => row.LogProbabilities())], gold);
        calibration.After = ProbabilityMetrics.Figures(after, gold);
        var (risks, area) = ProbabilityMetrics.Risks(after, gold);
        calibration.Risks.AddRange(risks);
        calibration.RiskArea = area;
    }
}
