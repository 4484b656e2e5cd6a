using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// Tells of a run that is only a phase of a job's: its steps and evaluations with the phase's name on them. That it begins, and its checkpoints, would be taken for
/// the student's own; a watcher sees by the first step where it is.
/// </summary>
/// <param name="phase">The phase.</param>
/// <param name="report">Takes the job's events.</param>
internal sealed class PhaseEvents(TrainingPhase phase, Action<TrainingEvent> report)
{
    /// <summary>Takes an event of the phase's run.</summary>
    public void Tell(TrainingEvent happened)
    {
        switch (happened.EventCase)
        {
            case TrainingEvent.EventOneofCase.Progress:
                happened.Progress.Phase = phase;
                report(happened);
                break;
            case TrainingEvent.EventOneofCase.Evaluation:
                happened.Evaluation.Phase = phase;
                report(happened);
                break;
            case TrainingEvent.EventOneofCase.Warning:
                happened.Warning.Message = $"{(phase == TrainingPhase.Baseline ? "The student that is learnt for comparison" : "The reader")}: {happened.Warning.Message}";
                report(happened);
                break;
        }
    }
}
