using System.Buffers.Binary;
using System.Net;
using Google.Rpc;
using Grpc.Core;
using Grpc.Net.Client;

namespace DistillGrpc.Student.Tests.Wire;

/// <summary>Calls over HTTP/2 whose bytes are the test's own.</summary>
internal static class RawCall
{
    /// <summary>Sends a body to a method, and gives the status that comes back with its reason.</summary>
    public static async Task<(StatusCode Code, string Reason, string Message)> SendAsync(GrpcChannel channel, string method, byte[] body, string? encoding = null)
    {
        using var client = new HttpClient();
        return await SendAsync(client, channel, method, body, encoding);
    }

    /// <summary>The same over a client's connection.</summary>
    public static async Task<(StatusCode Code, string Reason, string Message)> SendAsync(HttpClient client, GrpcChannel channel, string method, byte[] body, string? encoding = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{channel.Target}/distill.v1.InferenceService/{method}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.TryAddWithoutValidation("content-type", "application/grpc");
        request.Headers.TryAddWithoutValidation("te", "trailers");
        if (encoding is not null)
        {
            request.Headers.TryAddWithoutValidation("grpc-encoding", encoding);
        }

        using var response = await client.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        string? Header(string name) => new[] { response.TrailingHeaders, response.Headers }.Select(headers => headers.TryGetValues(name, out var values) ? values.First() : null).FirstOrDefault(value => value is not null);
        var details = Header("grpc-status-details-bin") is { } bytes ? Google.Rpc.Status.Parser.ParseFrom(Convert.FromBase64String(bytes.PadRight((bytes.Length + 3) / 4 * 4, '='))) : null;
        return ((StatusCode)int.Parse(Header("grpc-status")!), details?.GetDetail<ErrorInfo>()?.Reason ?? "", Header("grpc-message") ?? "");
    }

    /// <summary>A message in its frame.</summary>
    /// <param name="message">The message.</param>
    /// <param name="flag">The flag in front of it; 1 says that it is compressed.</param>
    /// <param name="length">The length that is said, where it is not the message's.</param>
    public static byte[] Frame(byte[] message, byte flag = 0, uint? length = null)
    {
        var frame = new byte[5 + message.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), length ?? (uint)message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }
}
