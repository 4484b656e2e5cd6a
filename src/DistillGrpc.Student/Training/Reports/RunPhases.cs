using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Training.Jobs;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>What comes after a job's student has learnt shares this: the run, its rows, and where it tells and keeps things. Used on the run's own thread.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Rows">The rows that it learnt from.</param>
/// <param name="HeldOut">The held-out rows.</param>
/// <param name="Grouping">What the held-out rows were kept together by when they were held out.</param>
/// <param name="BaseDirectory">Where the student was begun from, or null.</param>
/// <param name="Folder">The job's folder; the student that has learnt is there.</param>
/// <param name="State">Where unfinished things are put.</param>
/// <param name="Options">What the operator has set.</param>
/// <param name="Report">Takes events.</param>
/// <param name="IsSuspended">Whether a run that is stopped will go on.</param>
/// <param name="CancellationToken">Stops it.</param>
internal sealed record RunPhases(
    RunSpec Spec, IReadOnlyList<Example> Rows, IReadOnlyList<Example> HeldOut, Grouping Grouping, string? BaseDirectory, JobFolder Folder, StateDirectory State, StudentOptions Options,
    Action<TrainingEvent> Report, Func<bool> IsSuspended, CancellationToken CancellationToken)
{
    /// <summary>Trains another student with the vocabulary of the first; where it was stopped before, from its last checkpoint. It is read, and thrown away.</summary>
    /// <param name="phase">What its events are marked with.</param>
    /// <param name="spec">How it learns.</param>
    /// <param name="rows">What it learns from.</param>
    /// <param name="heldOut">What it is evaluated on while it learns.</param>
    /// <param name="baseDirectory">Where it begins, or null.</param>
    /// <param name="checkpoints">Where its checkpoints are; they are removed when it has been read.</param>
    /// <param name="read">Reads it.</param>
    public T Train<T>(
        TrainingPhase phase, RunSpec spec, IReadOnlyList<Example> rows, IReadOnlyList<Example> heldOut, string? baseDirectory, string checkpoints, Func<string, TrainingResult, T> read)
    {
        var made = Path.Combine(State.Folder("unfinished"), $"{Path.GetFileName(Folder.Path)}.{Guid.NewGuid():n}");
        var kept = new JobCheckpoints(checkpoints, Options.KeptCheckpoints);
        try
        {
            var result = new TrainingRun(spec, rows, heldOut, new RunSources(baseDirectory, Vocabulary: Folder.Student), kept, new PhaseEvents(phase, Report).Tell, IsSuspended, CancellationToken).Run(made, Options.TrainingThreads);
            var found = read(made, result);
            Delete(checkpoints);
            return found;
        }
        finally
        {
            Delete(made);
        }
    }

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
