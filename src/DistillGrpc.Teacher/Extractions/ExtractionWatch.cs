using System.Runtime.CompilerServices;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>Tells what happens to an extraction, from the disk: whoever comes back with the last number misses nothing and gets nothing twice.</summary>
internal sealed class ExtractionWatch(ExtractionStore store, TimeProvider time)
{
    private const int AtOnce = 200;

    // Other replicas write, too, and do not raise the signal here.
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan SnapshotInterval = TimeSpan.FromSeconds(1);

    /// <summary>Events after a number, with snapshots between them.</summary>
    /// <param name="id">The extraction.</param>
    /// <param name="after">The number.</param>
    /// <param name="rows">Which rows.</param>
    /// <param name="follow">Whether to wait for more until the extraction has ended.</param>
    /// <param name="snapshot">Makes the message of an extraction as it is now.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    public async IAsyncEnumerable<WatchExtractionResponse> WatchAsync(
        string id, long after, RowFilter rows, bool follow, Func<StoredExtraction, Task<Extraction>> snapshot, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (told, toldAt, last) = (-1L, long.MinValue, default(long?));
        while (true)
        {
            var changed = store.Changed.Next;
            if (await store.FindAsync(id, cancellationToken) is not { } now)
            {
                yield break;
            }

            // What was there when the watch began is the end without `follow`.
            last ??= now.Sequence;
            if (told < 0 || (now.Sequence > told && time.GetElapsedTime(toldAt) >= SnapshotInterval))
            {
                yield return new WatchExtractionResponse { Sequence = after, Extraction = await snapshot(now) };
                (told, toldAt) = (now.Sequence, time.GetTimestamp());
            }

            var events = await store.EventsAsync(id, after, rows, AtOnce, cancellationToken);
            foreach (var happened in events.Where(happened => follow || happened.Sequence <= last))
            {
                yield return happened.Row is not null
                    ? new WatchExtractionResponse { Sequence = happened.Sequence, Row = happened.Row }
                    : new WatchExtractionResponse { Sequence = happened.Sequence, Extraction = happened.State };
            }

            // With fewer than were asked for, whatever was committed before is passed, wanted or not.
            after = events.Count == AtOnce ? events[^1].Sequence : Math.Max(after, Math.Max(now.Sequence, events.Count > 0 ? events[^1].Sequence : 0));
            if (follow ? events.Count < AtOnce && now.HasEnded && after >= now.Sequence : events.Count < AtOnce || after >= last)
            {
                yield break;
            }

            if (events.Count < AtOnce)
            {
                await Task.WhenAny(changed, Task.Delay(LookInterval, time, cancellationToken));
                await Task.Delay(Breath, time, cancellationToken);
            }
        }
    }
}
