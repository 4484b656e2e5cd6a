using System.Globalization;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DistillGrpc.Hosting;

/// <summary>
/// What callers get whose message cannot be read: bytes that are no message of the contract, or a frame that lies. The library reads the only message of a
/// call before any interceptor, and says UNKNOWN of it; whatever the services themselves say never is.
/// </summary>
internal sealed class MalformedMessage(RequestDelegate next)
{
    private const string StatusHeader = "grpc-status";
    private const string MessageHeader = "grpc-message";
    private static readonly string Unknown = Text(StatusCode.Unknown);

    /// <summary>The mark of a call whose message was read.</summary>
    public static object IsRead { get; } = new();

    /// <summary>The failure.</summary>
    public static RpcException Failure() => RpcFailure.Of(StatusCode.InvalidArgument, "MALFORMED_MESSAGE", "The message cannot be read: it is not one of the contract, or its frame is wrong.");

    public async Task InvokeAsync(HttpContext context)
    {
        await next(context);
        // Without a message in front of it the status is in the headers.
        var headers = context.Response.HasStarted ? context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers : context.Response.Headers;
        if (headers is { IsReadOnly: false } && headers[StatusHeader] == Unknown)
        {
            Write(headers, context.Items.ContainsKey(IsRead) ? RpcFailure.Internal() : Failure());
        }
    }

    private static void Write(IHeaderDictionary headers, RpcException failure)
    {
        headers[StatusHeader] = Text(failure.StatusCode);
        headers[MessageHeader] = failure.Status.Detail;
        foreach (var entry in failure.Trailers.Where(entry => entry.IsBinary))
        {
            headers[entry.Key] = Convert.ToBase64String(entry.ValueBytes);
        }
    }

    private static string Text(StatusCode code) => ((int)code).ToString(CultureInfo.InvariantCulture);
}
