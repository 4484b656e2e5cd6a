using System.Runtime.CompilerServices;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Datasets;
using Grpc.Core;

namespace DistillGrpc.Student.Training;

/// <summary>The rows of an extraction, as the Teacher makes them.</summary>
internal sealed class ExtractionRows(TeacherConnection teacher)
{
    /// <summary>Rows that are fit to train on, until the extraction has ended or stands still.</summary>
    /// <param name="extraction"><c>extractions/{id}</c>.</param>
    /// <param name="report">Takes the events.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="RpcException">FAILED_PRECONDITION without a configured Teacher; UNAVAILABLE where it cannot be reached; what it refused.</exception>
    public async IAsyncEnumerable<Example> ReadAsync(string extraction, Func<TrainResponse, ValueTask> report, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var client = new ExtractionClient(teacher.Channel("The extraction is a Teacher's"));
        var (state, rows, progress) = (new Extraction(), 0, new TeachingReport(report));
        int Total() => (int)Math.Max(rows, state.Counts?.Inputs ?? 0);
        await using var events = client.WatchAsync(extraction, 0, RowFilter.Accepted, follow: true, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await NextAsync(events, cancellationToken))
        {
            // It begins with how things are now; older changes of state that come after it are history.
            state = events.Current.Extraction is { } told && told.LastSequence >= state.LastSequence ? told : state;
            if (events.Current.Row is { } row)
            {
                rows++;
                yield return TaughtExample.Of(row);
            }

            if (state.State is not ExtractionState.Running && state.Counts.Accepted <= rows)
            {
                break;
            }

            await progress.TellAsync(rows, Total(), rows);
        }

        await progress.EndAsync(rows, Total(), rows);
        if (state.State != ExtractionState.Succeeded)
        {
            await progress.WarnAsync("EXTRACTION_STANDS_STILL", $"{extraction} is {state.State}{(state.Message.Length > 0 ? $" ({state.Message})" : "")}; training goes on with the {rows} rows that there are.");
        }
    }

    private async ValueTask<bool> NextAsync(IAsyncEnumerator<WatchExtractionResponse> events, CancellationToken cancellationToken)
    {
        try
        {
            return await events.MoveNextAsync();
        }
        catch (RpcException away) when (TeacherConnection.IsAway(away) && !cancellationToken.IsCancellationRequested)
        {
            throw teacher.Unavailable(away);
        }
    }
}
