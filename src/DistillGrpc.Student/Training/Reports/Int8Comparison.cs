using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Modeling.Training;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// Has a student that has learnt label held-out rows in float32 and then in int8, and read their rationales as they stand (teacher forcing), with the engine that
/// serves on processors.
/// </summary>
/// <param name="run">The run.</param>
internal sealed class Int8Comparison(RunPhases run)
{
    // Any number: the same rows are taken each time.
    private const int Seed = 0;

    /// <summary>Compares them.</summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public Int8Check Make()
    {
        Example[] rows = [.. run.HeldOut];
        new Random(Seed).Shuffle(rows);
        rows = rows[..Math.Min(rows.Length, run.Options.Int8CheckRows)];
        var lacksRationales = ModelCard.Read(run.Folder.Student) is { LacksRationales: true } or { Form: PredictionForm.LabelFromRationale };
        Example[] explained = lacksRationales ? [] : [.. rows.Where(row => row.Rationale.Length > 0)];
        var progress = new AnswerProgress(TrainingPhase.Int8, 2 * (rows.Length + explained.Length), run.Report);
        var (float32, float32Loss) = Measure(Precision.Float32, rows, explained, progress);
        var (int8, int8Loss) = Measure(Precision.Int8, rows, explained, progress);
        return Int8Guard.Decide(new Int8Check
        {
            Rows = rows.Length,
            EqualLabels = float32.Zip(int8).Count(labels => labels.First == labels.Second),
            LacksRationales = lacksRationales,
            RationaleRows = explained.Length,
            Float32RationaleLoss = float32Loss,
            Int8RationaleLoss = int8Loss,
        });
    }

    private (string[] Labels, double RationaleLoss) Measure(Precision precision, Example[] rows, Example[] explained, AnswerProgress progress)
    {
        var model = ServingModel.Load(run.Folder.Student, new EngineOptions { Engine = EngineKind.Cpu, Precision = precision, Threads = run.Options.TrainingThreads, HasOwnThreads = true });
        using var engine = model.Engine;
        var labels = new StudentAnswers(model, run.Spec.MaxTargetTokens, run.CancellationToken).Labels(rows, progress.Add);
        TaskRow[] rationales = [.. explained.Select(row => Rationale(model, row))];
        var losses = TargetLoss.Sums(engine, rationales, progress.Add, run.CancellationToken);
        return (labels, losses.Sum() / Math.Max(1, rationales.Sum(row => row.Target.Length)));
    }

    // As it was learnt.
    private TaskRow Rationale(ServingModel model, Example row)
    {
        var target = model.Prompts.Target(row.Rationale, run.Spec.MaxTargetTokens).Ids;
        var isOneText = model.Card.Form == PredictionForm.RationaleThenLabel;
        var prompt = isOneText ? model.Prompts.Label([.. row.Segments]) : model.Prompts.Rationale([.. row.Segments]);
        // In one text the label follows, not the end; a text of spaces is nothing but its end.
        return new TaskRow(prompt.Input.Ids, isOneText && target.Length > 1 ? target[..^1] : target) { DecoderPrefix = prompt.DecoderPrefix };
    }
}
