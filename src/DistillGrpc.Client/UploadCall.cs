using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>Writes requests as one stream, and gives the one response.</summary>
internal static class UploadCall
{
    /// <summary>A source of requests that fails cancels the call, and its failure is what the caller gets; a service that ends the call early says why.</summary>
    public static async Task<TResponse> RunAsync<TRequest, TResponse>(
        Func<CancellationToken, AsyncClientStreamingCall<TRequest, TResponse>> start, IAsyncEnumerable<TRequest> requests, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var call = start(stop.Token);
        try
        {
            await foreach (var request in requests.WithCancellation(stop.Token))
            {
                if (!await TryWriteAsync(() => call.RequestStream.WriteAsync(request, stop.Token)))
                {
                    return await call.ResponseAsync;
                }
            }
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }

        await TryWriteAsync(call.RequestStream.CompleteAsync);
        return await call.ResponseAsync;
    }

    // A call that has ended refuses writes; its response says why.
    private static async Task<bool> TryWriteAsync(Func<Task> write)
    {
        try
        {
            await write();
            return true;
        }
        catch (Exception ended) when (EndedCall.Is(ended))
        {
            return false;
        }
    }
}
