using System.Globalization;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DistillGrpc.Hosting;

/// <summary>The status of a call that has ended and whose trailers have not been sent yet: what the library has said, and something better in its place.</summary>
internal static class SentStatus
{
    private const string StatusHeader = "grpc-status";
    private const string MessageHeader = "grpc-message";

    /// <summary>The status; null where there is none, or it cannot be changed any more.</summary>
    public static StatusCode? Of(HttpContext context) =>
        Headers(context) is { IsReadOnly: false } headers && int.TryParse(headers[StatusHeader], NumberStyles.None, CultureInfo.InvariantCulture, out var code) ? (StatusCode)code : null;

    /// <summary>Says something else.</summary>
    public static void Replace(HttpContext context, RpcException failure)
    {
        var headers = Headers(context)!;
        headers[StatusHeader] = ((int)failure.StatusCode).ToString(CultureInfo.InvariantCulture);
        headers[MessageHeader] = failure.Status.Detail;
        foreach (var entry in failure.Trailers.Where(entry => entry.IsBinary))
        {
            headers[entry.Key] = Convert.ToBase64String(entry.ValueBytes);
        }
    }

    // Without a message in front of it the status is in the headers.
    private static IHeaderDictionary? Headers(HttpContext context) =>
        context.Response.HasStarted ? context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers : context.Response.Headers;
}
