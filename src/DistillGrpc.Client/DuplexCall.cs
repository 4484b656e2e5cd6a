using System.Runtime.CompilerServices;
using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>Writes requests while responses are read, as one stream.</summary>
internal static class DuplexCall
{
    /// <summary>
    /// Leaving the enumeration early cancels the call. A source of requests that fails cancels the call, and its failure is
    /// what the reader gets; when the service ends the call, its status is, whatever became of the writing.
    /// </summary>
    public static async IAsyncEnumerable<TResponse> RunAsync<TRequest, TResponse>(
        Func<CancellationToken, AsyncDuplexStreamingCall<TRequest, TResponse>> start,
        IAsyncEnumerable<TRequest> requests,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var call = start(stop.Token);
        var writing = WriteAsync(call, requests, stop);
        try
        {
            while (await MoveNextAsync(call, writing, stop))
            {
                yield return call.ResponseStream.Current;
            }
        }
        finally
        {
            await stop.CancelAsync();
            await writing;
        }
    }

    private static async Task<bool> MoveNextAsync<TRequest, TResponse>(AsyncDuplexStreamingCall<TRequest, TResponse> call, Task<Exception?> writing, CancellationTokenSource stop)
    {
        try
        {
            return await call.ResponseStream.MoveNext(CancellationToken.None);
        }
        catch (RpcException ended) when (writing.IsCompleted || ended.StatusCode == StatusCode.Cancelled)
        {
            // A source that fails cancels the call first and gives its failure after: that may come a moment later than the status.
            // Where the service has cancelled it, the source may never end by itself.
            await stop.CancelAsync();
            if (await writing is { } failure)
            {
                throw failure;
            }

            throw;
        }
    }

    // Gives the failure of the source, or null; a call that has ended refuses writes, and says why to the reader.
    private static async Task<Exception?> WriteAsync<TRequest, TResponse>(
        AsyncDuplexStreamingCall<TRequest, TResponse> call, IAsyncEnumerable<TRequest> requests, CancellationTokenSource stop)
    {
        var requesting = false;
        try
        {
            requesting = true;
            await foreach (var request in requests.WithCancellation(stop.Token))
            {
                requesting = false;
                await call.RequestStream.WriteAsync(request, stop.Token);
                requesting = true;
            }

            requesting = false;
            await call.RequestStream.CompleteAsync();
            return null;
        }
        catch (Exception failure) when (requesting && !stop.IsCancellationRequested)
        {
            await stop.CancelAsync();
            return failure;
        }
        catch (Exception failure) when (failure is OperationCanceledException || EndedCall.Is(failure))
        {
            return null;
        }
    }
}
