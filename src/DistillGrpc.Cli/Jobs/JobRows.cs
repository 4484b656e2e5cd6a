using System.Runtime.CompilerServices;
using DistillGrpc.Cli.Teaching;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Jobs;

/// <summary>The rows of an extraction on their way to a file.</summary>
/// <param name="client">The Teacher.</param>
/// <param name="name">The extraction.</param>
/// <param name="after">Rows after this number.</param>
/// <param name="filter">Which rows.</param>
/// <param name="isFollowed">Waits for further rows until the extraction has ended, or is held.</param>
internal sealed class JobRows(ExtractionClient client, string name, long after, RowFilter filter, bool isFollowed)
{
    private long _reached = after;

    /// <summary>The extraction as it was last told.</summary>
    public Extraction Extraction { get; private set; } = new();

    /// <summary>Number of the last event.</summary>
    public long Reached => _reached;

    /// <summary>Writes the rows until there are no more, and counts them.</summary>
    public async Task<Tally> WriteAsync(RowFile rows, TeachOutput output, CancellationToken cancellationToken)
    {
        var (tally, progress, reason) = (new Tally(), new TeachProgress(new ProgressLine(), TimeProvider.System), "");
        await foreach (var told in EventsAsync(cancellationToken))
        {
            if (Extraction is { State: ExtractionState.Running } running && running.Reason != reason)
            {
                reason = running.Reason;
                progress.Clear();
                await Console.Error.WriteLineAsync(reason.Length > 0 ? running.Message : $"{name} goes on.");
            }

            if (told.Row is { } row)
            {
                tally.Add(row.Result);
                await output.WriteAsync(rows, row.Example, row.Result, cancellationToken);
            }

            progress.Show(tally.Rows, Extraction.InputsComplete ? Extraction.Counts?.Inputs : null, tally.Accepted, Extraction.Usage?.CostNanos ?? 0);
        }

        progress.Clear();
        await rows.CompleteAsync(cancellationToken);
        return tally;
    }

    private async IAsyncEnumerable<WatchExtractionResponse> EventsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var follow = isFollowed;
        for (var isOver = false; !isOver;)
        {
            await foreach (var told in WatchAsync(follow, cancellationToken))
            {
                yield return told;
                // Nobody knows when somebody resumes it: what is there is taken, and the caller told.
                if (follow && Job.IsHeld(Extraction))
                {
                    break;
                }
            }

            // Where it was resumed while the rest was taken, there is more to wait for.
            var isHeld = Job.IsHeld(Extraction);
            isOver = follow ? !isHeld : isHeld || !isFollowed;
            follow = isFollowed && !isHeld;
        }
    }

    private async IAsyncEnumerable<WatchExtractionResponse> WatchAsync(bool follow, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var told in client.WatchAsync(name, _reached, filter, follow, cancellationToken))
        {
            _reached = Math.Max(_reached, told.Sequence);
            // It begins with how things are now; older changes of state that come after it are history.
            Extraction = told.Extraction is { } now && now.LastSequence >= Extraction.LastSequence ? now : Extraction;
            yield return told;
        }
    }
}
