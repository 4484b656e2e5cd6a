using System.Runtime.CompilerServices;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>Tells what happens to an extraction, from the disk: whoever comes back with the last number misses nothing and gets nothing twice.</summary>
internal sealed class ExtractionWatch(ExtractionStore extractions, ExtractionEvents events, ExtractionStatus status, TimeProvider time)
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
    /// <param name="cancellationToken">Ends the watch.</param>
    public async IAsyncEnumerable<WatchExtractionResponse> WatchAsync(
        string id, long after, RowFilter rows, bool follow, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (told, toldAt, trouble, last) = (-1L, long.MinValue, "", default(long?));
        while (true)
        {
            var changed = extractions.Changed.Next;
            if (await extractions.FindAsync(id, cancellationToken) is not { } now)
            {
                yield break;
            }

            // What was there when the watch began is the end without `follow`.
            last ??= now.Sequence;
            var reason = status.TroubleOf(now)?.Reason ?? "";
            if (told < 0 || ((now.Sequence > told || reason != trouble) && time.GetElapsedTime(toldAt) >= SnapshotInterval))
            {
                yield return new WatchExtractionResponse { Sequence = after, Extraction = await status.OfAsync(now, cancellationToken) };
                (told, toldAt, trouble) = (now.Sequence, time.GetTimestamp(), reason);
            }

            var read = await events.ReadAsync(id, after, rows, AtOnce, cancellationToken);
            foreach (var happened in read.Where(happened => follow || happened.Sequence <= last))
            {
                yield return happened.Row is not null
                    ? new WatchExtractionResponse { Sequence = happened.Sequence, Row = happened.Row }
                    : new WatchExtractionResponse { Sequence = happened.Sequence, Extraction = happened.State };
            }

            // With fewer than were asked for, whatever was committed before is passed, wanted or not.
            after = read.Count == AtOnce ? read[^1].Sequence : Math.Max(after, Math.Max(now.Sequence, read.Count > 0 ? read[^1].Sequence : 0));
            if (follow ? read.Count < AtOnce && now.HasEnded && after >= now.Sequence : read.Count < AtOnce || after >= last)
            {
                yield break;
            }

            if (read.Count < AtOnce)
            {
                await Task.WhenAny(changed, Task.Delay(LookInterval, time, cancellationToken));
                await Task.Delay(Breath, time, cancellationToken);
            }
        }
    }
}
