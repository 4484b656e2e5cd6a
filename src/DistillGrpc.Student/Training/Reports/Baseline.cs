using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// The student that a student is compared with: it has learnt the same rows' labels alone, in as many steps, from the same parameters and with the same
/// vocabulary. It is evaluated, and thrown away; what was found is kept with the job, so that it is learnt once.
/// </summary>
internal sealed class Baseline(RunPhases run)
{
    /// <summary>How it answers the held-out rows; null where there is nothing to compare with.</summary>
    /// <exception cref="OperationCanceledException">It was stopped; it goes on from its checkpoint.</exception>
    public Evaluation? Evaluate()
    {
        if (BaselineSpec.Of(run.Spec) is not { } spec)
        {
            return null;
        }

        if (run.Folder.Baseline is { } before)
        {
            return before;
        }

        // It is asked when it is written; before that only where the answers decide when it has learnt enough.
        IReadOnlyList<Example> watched = spec.Source.EarlyStoppingPatience > 0 ? run.HeldOut : [];
        return run.Train(TrainingPhase.Baseline, spec, run.Rows, watched, run.BaseDirectory, run.Folder.BaselineCheckpoints, (folder, made) =>
        {
            using var model = LoadedModel.Load(folder);
            var evaluation = new RunEvaluation(spec, run.Rows, run.HeldOut, run.CancellationToken).Of(model);
            (evaluation!.Step, evaluation.Flops, evaluation.Phase) = (made.Steps, made.Flops, TrainingPhase.Baseline);
            run.Folder.Baseline = evaluation;
            run.Report(new TrainingEvent { Evaluation = evaluation });
            return evaluation;
        });
    }
}
