using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Client.Tests;

/// <summary>Something on a free loopback port that speaks HTTP/2, and says what a test has it say to every call.</summary>
internal sealed class HostileService : IAsyncDisposable
{
    private WebApplication? _app;

    /// <summary>What it says.</summary>
    public Func<HttpContext, Task> Says { get; set; } = _ => Task.CompletedTask;

    public Uri Address => new(_app!.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    public static async Task<HostileService> StartAsync()
    {
        var service = new HostileService();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        service._app = builder.Build();
        service._app.Run(async context =>
        {
            context.Response.ContentType = "application/grpc";
            await service.Says(context);
        });
        await service._app.StartAsync();
        return service;
    }

    /// <summary>Says a body as it stands, and an end that says OK.</summary>
    public void Say(byte[] body, string? encoding = null) => Says = async context =>
    {
        if (encoding is not null)
        {
            context.Response.Headers["grpc-encoding"] = encoding;
        }

        await context.Response.BodyWriter.WriteAsync(body);
        context.Response.AppendTrailer("grpc-status", "0");
    };

    /// <summary>A frame with what is said of it.</summary>
    public static byte[] Frame(byte[] message, byte flag = 0, uint? length = null)
    {
        var frame = new byte[5 + message.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), length ?? (uint)message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    /// <summary>As many times 4 MiB of zeros as gzip.</summary>
    public static byte[] Bomb(int times)
    {
        using var content = new MemoryStream();
        using (var zip = new GZipStream(content, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            zip.Write(new byte[4 << 20]);
        }

        // What is put together so is gzip, too.
        return [.. Enumerable.Repeat(content.ToArray(), times).SelectMany(part => part)];
    }

    public async ValueTask DisposeAsync() => await _app!.DisposeAsync();
}
