using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Jobs;

/// <summary>How a student's training went: its own progress and evaluations, each step once; what is learnt for comparison beside it is not among them.</summary>
/// <param name="Progress">In the order of steps, thinned to as many as a picture shows.</param>
/// <param name="Evaluations">In the order of steps.</param>
internal sealed record TrainingHistory(IReadOnlyList<TrainingProgress> Progress, IReadOnlyList<Evaluation> Evaluations)
{
    private const int MostPoints = 400;

    /// <summary>Reads what has happened to a job so far; one that runs is not waited for.</summary>
    public static async Task<TrainingHistory> ReadAsync(TrainingClient client, TrainingJob job, CancellationToken cancellationToken)
    {
        var events = new List<TrainingEvent>();
        if (job.LastSequence > 0)
        {
            await foreach (var happened in client.WatchAsync(job.Name, 0, cancellationToken))
            {
                events.Add(happened);
                if (happened.Sequence >= job.LastSequence)
                {
                    break;
                }
            }
        }

        return Of(events);
    }

    /// <summary>Picks it out of a job's events.</summary>
    public static TrainingHistory Of(IEnumerable<TrainingEvent> events)
    {
        // Steps that were made again after a checkpoint count as they were made last. Those of other phases begin anew, and are not the student's.
        var (progress, evaluations) = (new SortedDictionary<int, TrainingProgress>(), new SortedDictionary<int, Evaluation>());
        foreach (var happened in events)
        {
            if (happened.Progress is { Phase: TrainingPhase.Unspecified } at)
            {
                progress[at.Step] = at;
            }

            if (happened.Evaluation is { Phase: TrainingPhase.Unspecified } evaluation)
            {
                evaluations[evaluation.Step] = evaluation;
            }
        }

        var every = Math.Max(1, (progress.Count + MostPoints - 1) / MostPoints);
        return new TrainingHistory([.. progress.Values.Where((_, i) => i % every == 0 || i == progress.Count - 1)], [.. evaluations.Values]);
    }

    /// <summary>Losses by the name of their task or term; a Student that does not name them gives those of label and rationale.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<(int Step, double Loss)>> Losses() => Progress
        .SelectMany(at => at.Losses.Count > 0 ? at.Losses.Select(loss => (at.Step, Name: loss.Key, Loss: loss.Value)) : Plain(at))
        .GroupBy(loss => loss.Name, StringComparer.Ordinal).OrderBy(losses => losses.Key, StringComparer.Ordinal)
        .ToDictionary(losses => losses.Key, losses => (IReadOnlyList<(int, double)>)[.. losses.Select(loss => (loss.Step, loss.Loss))]);

    private static IEnumerable<(int Step, string Name, double Loss)> Plain(TrainingProgress at) =>
        at.RationaleLoss > 0 ? [(at.Step, "label", at.LabelLoss), (at.Step, "rationale", at.RationaleLoss)] : [(at.Step, "label", at.LabelLoss)];
}
