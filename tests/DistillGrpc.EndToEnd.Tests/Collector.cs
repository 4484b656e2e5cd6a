using System.Collections.Concurrent;
using System.Net;
using System.Text;
using DistillGrpc.Hosting;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>Takes OTLP over gRPC, as a collector does, and keeps the spans and what the metrics said.</summary>
internal sealed class Collector : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Collector(WebApplication app) => _app = app;

    public Uri Address => _app.Address();

    /// <summary>By span id, as each may be sent more than once.</summary>
    public ConcurrentDictionary<string, Span> Spans { get; } = new(StringComparer.Ordinal);

    public ConcurrentQueue<string> Metrics { get; } = [];

    public static async Task<Collector> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        var collector = new Collector(builder.Build());
        collector._app.MapPost("/opentelemetry.proto.collector.trace.v1.TraceService/Export", context => TakeAsync(context, collector.ReadSpans));
        collector._app.MapPost("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", context => TakeAsync(context, body => collector.Metrics.Enqueue(Encoding.UTF8.GetString(body))));
        await collector._app.StartAsync();
        return collector;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static async Task TakeAsync(HttpContext context, Action<byte[]> read)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        read(body.ToArray()[5..]); // behind gRPC's compressed flag and length
        context.Response.ContentType = "application/grpc";
        context.Response.AppendTrailer("grpc-status", "0");
        await context.Response.Body.WriteAsync(new byte[5]);
    }

    // ExportTraceServiceRequest.resource_spans (1) / scope_spans (2) / spans (2).
    private void ReadSpans(byte[] request)
    {
        foreach (var span in Fields(request, 1).SelectMany(resource => Fields(resource, 2)).SelectMany(scope => Fields(scope, 2)))
        {
            string Id(int field) => Convert.ToHexStringLower(Fields(span, field).FirstOrDefault() ?? []);
            Spans[Id(2)] = new Span(Id(1), Id(4), Encoding.UTF8.GetString(Fields(span, 5).First()), Numbers(span, 6).FirstOrDefault());
        }
    }

    private static IEnumerable<byte[]> Fields(byte[] message, int number) => Read(message, number, WireFormat.WireType.LengthDelimited, input => input.ReadBytes().ToByteArray());

    private static IEnumerable<ulong> Numbers(byte[] message, int number) => Read(message, number, WireFormat.WireType.Varint, input => input.ReadUInt64());

    private static List<T> Read<T>(byte[] message, int number, WireFormat.WireType type, Func<CodedInputStream, T> read)
    {
        var (input, found) = (new CodedInputStream(message), new List<T>());
        while (input.ReadTag() is var tag and not 0)
        {
            if (WireFormat.GetTagFieldNumber(tag) == number && WireFormat.GetTagWireType(tag) == type)
            {
                found.Add(read(input));
            }
            else
            {
                input.SkipLastField();
            }
        }

        return found;
    }

    /// <summary>A span: its trace, its parent (empty for a root), its name, and its kind as OTLP numbers it (1 internal, 2 server, 3 client).</summary>
    internal sealed record Span(string Trace, string Parent, string Name, ulong Kind);
}
