using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>The calls that have come to a Student: each call's token says whether it has been given up, and each has the deadline that the Student knows.</summary>
internal sealed class CallWatch : Interceptor
{
    public ConcurrentQueue<(CancellationToken Token, DateTime Deadline)> Calls { get; } = [];

    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        Calls.Enqueue((context.CancellationToken, context.Deadline));
        return continuation(request, context);
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Calls.Enqueue((context.CancellationToken, context.Deadline));
        return continuation(request, responseStream, context);
    }
}
