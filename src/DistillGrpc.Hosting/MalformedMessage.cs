using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace DistillGrpc.Hosting;

/// <summary>
/// What callers get whose message cannot be read: bytes that are no message of the contract, or a frame that lies. The library reads the only message of a
/// call before any interceptor, and says UNKNOWN of it; whatever the services themselves say never is.
/// </summary>
internal sealed class MalformedMessage(RequestDelegate next)
{

    /// <summary>The mark of a call whose message was read.</summary>
    public static object IsRead { get; } = new();

    /// <summary>The failure.</summary>
    public static RpcException Failure() => RpcFailure.Of(StatusCode.InvalidArgument, "MALFORMED_MESSAGE", "The message cannot be read: it is not one of the contract, or its frame is wrong.");

    public async Task InvokeAsync(HttpContext context)
    {
        await next(context);
        if (SentStatus.Of(context) == StatusCode.Unknown)
        {
            SentStatus.Replace(context, context.Items.ContainsKey(IsRead) ? RpcFailure.Internal() : Failure());
        }
    }
}
