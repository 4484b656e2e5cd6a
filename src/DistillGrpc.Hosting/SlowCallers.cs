using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DistillGrpc.Hosting;

/// <summary>
/// Ends the calls of callers who are too slow: <see cref="ServiceOptions.MessageTimeout"/> and <see cref="ServiceOptions.IdleTimeout"/>. HTTP/2 lets a caller
/// keep a call open for ever by sending a byte now and then, or by taking none, while its connection is alive.
/// </summary>
internal sealed class SlowCallers(RequestDelegate next, ServiceOptions options, TimeProvider time)
{
    // Less is left to HTTP/2 when the call has ended: no more than this, for as many calls as a connection may have.
    private const int MostUntaken = 32 << 10;

    public async Task InvokeAsync(HttpContext context)
    {
        var isStream = context.GetEndpoint()?.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method.Type is MethodType.ClientStreaming or MethodType.DuplexStreaming;
        using var patience = new CallPatience(context, isStream, options, time);
        context.Features.Set(patience);
        context.Features.Set<IRequestBodyPipeFeature>(patience);
        await next(context);
        if (patience.HasCancelledReading && SentStatus.Of(context) is not (null or StatusCode.OK))
        {
            SentStatus.Replace(context, RpcFailure.Of(StatusCode.DeadlineExceeded, "TOO_SLOW", "The caller took too long to send a message."));
        }

        await TakenAsync(context, patience);
    }

    // A long answer of a call with one answer is written, and nobody has waited for it to be taken.
    private static async Task TakenAsync(HttpContext context, CallPatience patience)
    {
        try
        {
            if (context.Response.BodyWriter is { CanGetUnflushedBytes: true, UnflushedBytes: > MostUntaken } answer)
            {
                await patience.WatchAsync(answer.FlushAsync(context.RequestAborted).AsTask());
            }
        }
        catch (OperationCanceledException)
        {
            // The caller has gone, or was too slow.
        }
    }
}
