using DistillGrpc.Client;
using DistillGrpc.Hosting;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Teacher.Tests;

/// <summary>A Teacher on a free loopback port, HTTP/2.</summary>
internal sealed class RunningTeacher : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RunningTeacher(WebApplication app)
    {
        _app = app;
        Channel = DistillChannel.To(app.Address());
        Client = new TeacherClient(Channel);
    }

    public GrpcChannel Channel { get; }

    public TeacherClient Client { get; }

    public static async Task<RunningTeacher> StartAsync(params string[] settings)
    {
        var app = TeacherHost.Create(["--Listen=http://127.0.0.1:0", .. settings], builder => builder.Logging.ClearProviders());
        await app.StartAsync();
        return new RunningTeacher(app);
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _app.DisposeAsync();
    }
}
