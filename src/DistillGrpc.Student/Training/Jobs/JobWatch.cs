using System.Runtime.CompilerServices;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>Tells what happens to a job, from the disk: whoever comes back with the last number misses nothing and gets nothing twice, and a slow reader holds nobody up.</summary>
internal sealed class JobWatch(JobStore store)
{
    private const int AtOnce = 200;

    /// <summary>Events after a number, until the job has ended or is gone.</summary>
    public async IAsyncEnumerable<TrainingEvent> WatchAsync(string id, long after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            var changed = store.Changed.Next;
            if (store.Find(id) is not { } job)
            {
                yield break;
            }

            var events = store.Events(id, after, AtOnce);
            foreach (var happened in events)
            {
                yield return happened;
            }

            after = events.Count > 0 ? events[^1].Sequence : after;
            if (job.HasEnded && after >= job.Sequence)
            {
                yield break;
            }

            await (events.Count == AtOnce || after < job.Sequence ? Task.CompletedTask : changed.WaitAsync(cancellationToken));
        }
    }
}
