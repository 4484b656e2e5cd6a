using System.Collections.Concurrent;
using System.Net;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Student.Tests.Serving.Classifying;

/// <summary>A Teacher on a free loopback port, over HTTP/2, that answers as a test says, or hangs.</summary>
internal sealed class FakeTeacher : TeacherService.TeacherServiceBase, IAsyncDisposable
{
    private WebApplication? _app;
    private int _left;

    public ConcurrentQueue<(RationaleSpec Spec, Example Input)> Asked { get; } = [];

    public Func<Example, RationaleResult> Answer { get; set; } = _ => new RationaleResult { Label = "yes" };

    public bool Hangs { get; set; }

    /// <summary>Callers that went while it hung.</summary>
    public int Left => Volatile.Read(ref _left);

    /// <summary>The setting that has a Student ask it.</summary>
    public string Setting => $"--Teacher={_app!.Address()}";

    public async Task<FakeTeacher> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(this);
        _app = builder.Build();
        _app.MapGrpcService<FakeTeacher>();
        await _app.StartAsync();
        return this;
    }

    public Task StopAsync() => _app!.StopAsync();

    public ValueTask DisposeAsync() => _app!.DisposeAsync();

    public override async Task GenerateRationales(IAsyncStreamReader<GenerateRationalesRequest> requestStream, IServerStreamWriter<GenerateRationalesResponse> responseStream, ServerCallContext context)
    {
        await requestStream.MoveNext(context.CancellationToken);
        var spec = requestStream.Current.Spec;
        await requestStream.MoveNext(context.CancellationToken);
        var input = requestStream.Current.Input;
        Asked.Enqueue((spec, input));
        if (Hangs)
        {
            try
            {
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
            }
            finally
            {
                Interlocked.Increment(ref _left);
            }
        }

        await responseStream.WriteAsync(new GenerateRationalesResponse { Result = Answer(input) });
    }
}
