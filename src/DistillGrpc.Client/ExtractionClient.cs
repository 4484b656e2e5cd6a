using System.Runtime.CompilerServices;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>Has a Teacher work on extractions: durable jobs over many inputs.</summary>
/// <param name="channel">A channel to it, such as <see cref="DistillChannel.To"/>; stays the caller's.</param>
/// <param name="time">The clock of the waits between connections; default the system's.</param>
public sealed class ExtractionClient(ChannelBase channel, TimeProvider? time = null)
{
    /// <summary>Connections that <see cref="WatchAsync"/> tries one after the other without getting anything, before it gives up; 8.</summary>
    public const int MaxReconnects = 8;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);
    private readonly ExtractionService.ExtractionServiceClient _client = new(channel);
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Creates an extraction; made again with the same request_id and spec, gives the one that there is.</summary>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async Task<Extraction> CreateAsync(CreateExtractionRequest request, CancellationToken cancellationToken = default) =>
        (await _client.CreateExtractionAsync(request, cancellationToken: cancellationToken)).Extraction;

    /// <summary>Appends inputs; those that are there already change nothing, so that a call that failed may be made again.</summary>
    /// <param name="name">The extraction, <c>extractions/{id}</c>.</param>
    /// <param name="inputs">The inputs; read as fast as the Teacher takes them.</param>
    /// <param name="complete">These are the last inputs.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public Task<AppendInputsResponse> AppendInputsAsync(string name, IAsyncEnumerable<Example> inputs, bool complete, CancellationToken cancellationToken = default) =>
        UploadCall.RunAsync(
            token => _client.AppendInputs(cancellationToken: token),
            inputs.Select(input => new AppendInputsRequest { Input = input }).Prepend(new AppendInputsRequest { Target = new InputTarget { Extraction = name, Complete = complete } }),
            cancellationToken);

    /// <summary>Says what inputs would cost, without asking anything.</summary>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public Task<EstimateExtractionResponse> EstimateAsync(ExtractionSpec spec, IAsyncEnumerable<Example> inputs, CancellationToken cancellationToken = default) =>
        UploadCall.RunAsync(
            token => _client.EstimateExtraction(cancellationToken: token),
            inputs.Select(input => new EstimateExtractionRequest { Input = input }).Prepend(new EstimateExtractionRequest { Spec = spec }),
            cancellationToken);

    /// <summary>An extraction as it is now.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<Extraction> GetAsync(string name, CancellationToken cancellationToken = default) =>
        (await _client.GetExtractionAsync(new GetExtractionRequest { Name = name }, cancellationToken: cancellationToken)).Extraction;

    /// <summary>All extractions, the newest first; asked for page by page.</summary>
    /// <exception cref="RpcException">A call failed.</exception>
    public IAsyncEnumerable<Extraction> ListAsync(CancellationToken cancellationToken = default) => Pages.AllAsync<Extraction>(
        async (token, cancelled) =>
        {
            var page = await _client.ListExtractionsAsync(new ListExtractionsRequest { PageSize = Pages.Size, PageToken = token }, cancellationToken: cancelled);
            return (page.Extractions, page.NextPageToken);
        },
        cancellationToken);

    /// <summary>
    /// What happens, each row once. A stream that breaks off with UNAVAILABLE (the Teacher restarts, or another replica takes over) is
    /// gone on with after the last number that came, after a wait that grows from 0.5 to 30 s, or as long as the Teacher asks for.
    /// </summary>
    /// <param name="name">The extraction, <c>extractions/{id}</c>.</param>
    /// <param name="after">Events after this number; 0 for all.</param>
    /// <param name="rows">Which rows are sent.</param>
    /// <param name="follow">Waits for further events until the extraction has ended.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The first connection failed, <see cref="MaxReconnects"/> failed in a row, or the call failed otherwise than by UNAVAILABLE.</exception>
    public async IAsyncEnumerable<WatchExtractionResponse> WatchAsync(
        string name, long after, RowFilter rows, bool follow, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var (reached, hasConnected, failures) = (after, false, 0);
        for (var isDone = false; !isDone;)
        {
            using var call = _client.WatchExtraction(new WatchExtractionRequest { Name = name, AfterSequence = reached, Rows = rows, Follow = follow }, cancellationToken: cancellationToken);
            RpcException? failure;
            for ((isDone, failure) = await MoveNextAsync(call, cancellationToken); !isDone && failure is null; (isDone, failure) = await MoveNextAsync(call, cancellationToken))
            {
                var response = call.ResponseStream.Current;
                (hasConnected, failures) = (true, 0);
                // A row comes once, whatever a Teacher sends again. What an extraction is now may be told any number of times.
                if (response.Row is null || response.Sequence > reached)
                {
                    reached = Math.Max(reached, response.Sequence);
                    yield return response;
                }
            }

            if (failure is not null)
            {
                if (!hasConnected || ++failures > MaxReconnects)
                {
                    throw failure;
                }

                await Task.Delay(Delay(failure, failures), _time, cancellationToken);
            }
        }
    }

    /// <summary>How many rows were accepted and rejected, why, and examples.</summary>
    /// <param name="name">The extraction.</param>
    /// <param name="examples">Examples for each reason, 0 to 20.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<GetExtractionReportResponse> ReportAsync(string name, int examples = 0, CancellationToken cancellationToken = default) =>
        await _client.GetExtractionReportAsync(new GetExtractionReportRequest { Name = name, Examples = examples }, cancellationToken: cancellationToken);

    /// <summary>Stops after the calls under way.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<Extraction> PauseAsync(string name, CancellationToken cancellationToken = default) =>
        (await _client.PauseExtractionAsync(new PauseExtractionRequest { Name = name }, cancellationToken: cancellationToken)).Extraction;

    /// <summary>Goes on.</summary>
    /// <param name="name">The extraction.</param>
    /// <param name="budgetNanos">The new budget of the whole extraction, in billionths; null: as it was, 0: no limit but the operator's.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<Extraction> ResumeAsync(string name, long? budgetNanos = null, CancellationToken cancellationToken = default)
    {
        var request = new ResumeExtractionRequest { Name = name };
        if (budgetNanos is { } budget)
        {
            request.BudgetNanos = budget;
        }

        return (await _client.ResumeExtractionAsync(request, cancellationToken: cancellationToken)).Extraction;
    }

    /// <summary>Ends it for good; rows that are there stay.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<Extraction> CancelAsync(string name, CancellationToken cancellationToken = default) =>
        (await _client.CancelExtractionAsync(new CancelExtractionRequest { Name = name }, cancellationToken: cancellationToken)).Extraction;

    /// <summary>Removes an extraction that has ended, or is paused, with its rows.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task DeleteAsync(string name, CancellationToken cancellationToken = default) =>
        await _client.DeleteExtractionAsync(new DeleteExtractionRequest { Name = name }, cancellationToken: cancellationToken);

    /// <summary>Sets in which order the inputs that are still open are asked.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public Task<SetPrioritiesResponse> SetPrioritiesAsync(string name, IAsyncEnumerable<InputPriority> priorities, CancellationToken cancellationToken = default) =>
        UploadCall.RunAsync(
            token => _client.SetPriorities(cancellationToken: token),
            priorities.Select(priority => new SetPrioritiesRequest { Priority = priority }).Prepend(new SetPrioritiesRequest { Extraction = name }),
            cancellationToken);

    /// <summary>Tells how good a student is with the rows so far; where the extraction has a stopping rule, this may end it.</summary>
    /// <param name="name">The extraction.</param>
    /// <param name="rows">Rows that the student learnt from.</param>
    /// <param name="quality">The higher, the better; accuracy on held-out rows, for instance.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<Extraction> ReportQualityAsync(string name, long rows, double quality, CancellationToken cancellationToken = default) =>
        (await _client.ReportQualityAsync(new ReportQualityRequest { Extraction = name, Rows = rows, Quality = quality }, cancellationToken: cancellationToken)).Extraction;

    private static async Task<(bool IsDone, RpcException? Failure)> MoveNextAsync(AsyncServerStreamingCall<WatchExtractionResponse> call, CancellationToken cancellationToken)
    {
        try
        {
            return (!await call.ResponseStream.MoveNext(cancellationToken), null);
        }
        catch (RpcException failure) when (failure.StatusCode == StatusCode.Unavailable && !cancellationToken.IsCancellationRequested)
        {
            return (false, failure);
        }
    }

    private static TimeSpan Delay(RpcException failure, int failures)
    {
        var grown = FirstDelay * Math.Pow(2, failures - 1);
        return TimeSpan.FromSeconds(Math.Clamp(RpcErrors.RetryDelay(failure)?.TotalSeconds ?? 0, Math.Min(grown.TotalSeconds, LongestDelay.TotalSeconds), LongestDelay.TotalSeconds));
    }
}
