using System.Diagnostics;
using System.Runtime.CompilerServices;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Datasets;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;

namespace DistillGrpc.Student.Training;

/// <summary>The rows of an extraction, as the Teacher makes them.</summary>
internal sealed class ExtractionRows(StudentOptions options, ILogger<ExtractionRows> logger) : IDisposable
{
    private static readonly TimeSpan ReportInterval = TimeSpan.FromMilliseconds(250);
    private readonly Lazy<GrpcChannel> _channel = new(() => DistillChannel.To(new Uri(options.Teacher)));

    /// <summary>Rows that are fit to train on, until the extraction has ended or stands still.</summary>
    /// <param name="extraction"><c>extractions/{id}</c>.</param>
    /// <param name="report">Takes the events.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="RpcException">FAILED_PRECONDITION without a configured Teacher; UNAVAILABLE where it cannot be reached; what it refused.</exception>
    public async IAsyncEnumerable<Example> ReadAsync(string extraction, Func<TrainResponse, ValueTask> report, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (options.Teacher.Length == 0)
        {
            throw RpcFailure.FailedPrecondition("NO_TEACHER", "The extraction is a Teacher's, and this Student has no Teacher configured (setting Teacher).");
        }

        var (state, rows, started, reported) = (new Extraction(), 0, Stopwatch.GetTimestamp(), TimeSpan.Zero);
        TrainResponse Progress() => new() { Teaching = new TeachingProgress { Rows = rows, TotalRows = (int)Math.Max(rows, state.Counts?.Inputs ?? 0), ParsedRows = rows, Elapsed = Duration.FromTimeSpan(Stopwatch.GetElapsedTime(started)) } };
        await using var events = new ExtractionClient(_channel.Value).WatchAsync(extraction, 0, RowFilter.Accepted, follow: true, cancellationToken).GetAsyncEnumerator(cancellationToken);
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

            if (Stopwatch.GetElapsedTime(started) - reported > ReportInterval)
            {
                reported = Stopwatch.GetElapsedTime(started);
                await report(Progress());
            }
        }

        await report(Progress());
        if (state.State != ExtractionState.Succeeded)
        {
            await report(RowTeacher.Warning("EXTRACTION_STANDS_STILL", $"{extraction} is {state.State}{(state.Message.Length > 0 ? $" ({state.Message})" : "")}; training goes on with the {rows} rows that there are."));
        }
    }

    public void Dispose()
    {
        if (_channel.IsValueCreated)
        {
            _channel.Value.Dispose();
        }
    }

    private async ValueTask<bool> NextAsync(IAsyncEnumerator<WatchExtractionResponse> events, CancellationToken cancellationToken)
    {
        try
        {
            return await events.MoveNextAsync();
        }
        catch (RpcException away) when (RpcErrors.Reason(away) is null && !cancellationToken.IsCancellationRequested)
        {
            StudentLog.TeacherLost(logger, away);
            throw RpcFailure.Unavailable("TEACHER_UNAVAILABLE", "The Teacher cannot be reached.", TimeSpan.FromSeconds(5));
        }
    }
}
