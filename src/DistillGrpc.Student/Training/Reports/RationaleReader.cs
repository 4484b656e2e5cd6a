using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// A small student that reads a label from a rationale, never from an input: the simulator of leakage-adjusted simulatability (Hase et al. 2020, arXiv 2010.04119).
/// It has learnt what the teacher's rationales argue for, without the labels that they name, or it would learn to look for these alone.
/// </summary>
/// <param name="run">The run.</param>
/// <param name="labels">The task's labels.</param>
internal sealed class RationaleReader(RunPhases run, LabelWords labels)
{
    private const string Size = "micro";
    private const int MostSteps = 1000;
    private const int BatchSize = 16;

    /// <summary>The label that is read from each rationale, itself without the labels that it names; null where no row can be learnt from.</summary>
    /// <exception cref="OperationCanceledException">It was stopped; it goes on from its checkpoint.</exception>
    public IReadOnlyList<string>? Read(IReadOnlyList<string> rationales)
    {
        Example[] taught = [.. run.Rows.Where(row => row.Rationale.Length > 0 && Target(row).Length > 0)];
        new Random(run.Spec.Seed).Shuffle(taught);
        // More rows than it has steps for would only be prepared.
        Example[] rows = [.. taught.Take(MostSteps * BatchSize).Select(row => Row(row.Id, row.Rationale, Target(row)))];
        return rows.Length == 0 ? null : run.Train(
            TrainingPhase.Reader, Spec(), rows, [], null, run.Folder.ReaderCheckpoints, (folder, _) =>
            {
                using var model = LoadedModel.Load(folder);
                var answering = model.Answering();
                using var engine = answering.Engine;
                return new StudentAnswers(answering, run.Spec.MaxTargetTokens, run.CancellationToken).Labels([.. rationales.Select(rationale => Row("", rationale, ""))]);
            });
    }

    // A rationale argues for the teacher's label, also where that is wrong.
    private string Target(Example row) => row.TeacherLabel.Length > 0 ? row.TeacherLabel : RunRows.LabelOf(run.Spec, row);

    private Example Row(string id, string rationale, string label)
    {
        run.CancellationToken.ThrowIfCancellationRequested();
        return new Example { Id = id, Segments = { labels.Without(rationale) }, Label = label };
    }

    private RunSpec Spec() => RunSpec.Check(new TrainingSpec
    {
        ModelId = "reader",
        Preset = Size,
        Mode = TrainingMode.LabelOnly,
        LabelSource = LabelSource.Gold,
        Steps = Math.Min(MostSteps, run.Spec.Steps),
        BatchSize = BatchSize,
        Seed = run.Spec.Source.Seed,
        CheckpointInterval = run.Spec.Source.CheckpointInterval,
        MaxInputTokens = run.Spec.MaxTargetTokens,
        MaxTargetTokens = run.Spec.MaxTargetTokens,
    });
}
