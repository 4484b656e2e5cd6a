using System.Data.Common;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Hosting;

/// <summary>Maps what a service throws to what a caller sees, and ends calls when the service is asked to stop.</summary>
internal sealed class ErrorInterceptor(IHostApplicationLifetime lifetime, ILogger<ErrorInterceptor> logger) : Interceptor
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation) =>
        Guard(context, call => continuation(request, call));

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation) =>
        Guard(context, call => Done(continuation(request, Watched(responseStream, context), call)));

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation) =>
        Guard(context, call => continuation(new ReadableStream<TRequest>(requestStream), call));

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        Guard(context, call => Done(continuation(new ReadableStream<TRequest>(requestStream), Watched(responseStream, context), call)));

    private static WatchedStream<T> Watched<T>(IServerStreamWriter<T> stream, ServerCallContext context) => new(stream, context.GetHttpContext().Features.GetRequiredFeature<CallPatience>());

    private static async Task<bool> Done(Task call)
    {
        await call;
        return true;
    }

    private async Task<T> Guard<T>(ServerCallContext context, Func<ServerCallContext, Task<T>> call)
    {
        context.UserState[MalformedMessage.IsRead] = true;
        // Health and reflection are there until the end: a watcher sees NOT_SERVING.
        var isOurs = context.Method.StartsWith("/distill.", StringComparison.Ordinal);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, isOurs ? lifetime.ApplicationStopping : CancellationToken.None);
        try
        {
            return await call(isOurs ? StoppableCallContext.Of(context, ended.Token) : context);
        }
        catch (Exception) when (context.CancellationToken.IsCancellationRequested)
        {
            var late = context.Deadline <= DateTime.UtcNow;
            throw new RpcException(late
                ? new Status(StatusCode.DeadlineExceeded, "The deadline passed.")
                : new Status(StatusCode.Cancelled, "The call was cancelled."));
        }
        catch (Exception) when (ended.IsCancellationRequested)
        {
            throw RpcFailure.Unavailable("SHUTTING_DOWN", "The service is being stopped.", RetryAfter);
        }
        catch (RpcException)
        {
            throw;
        }
        catch (DbException away)
        {
            HostingLog.CallFailed(logger, away, context.Method);
            throw RpcFailure.Unavailable("STATE_UNAVAILABLE", "The service cannot read or write its state; its log says why.", RetryAfter);
        }
        catch (Exception failure)
        {
            HostingLog.CallFailed(logger, failure, context.Method);
            throw RpcFailure.Internal();
        }
    }
}
