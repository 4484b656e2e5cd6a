using System.Collections.Concurrent;
using System.Net;
using DistillGrpc.Contracts.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Teacher.Tests.Student;

/// <summary>A Student, HTTP/2, that answers as a test has written it, call by call; the last answer repeats.</summary>
internal sealed class ScriptedStudent : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ScriptedStudent(WebApplication app) => _app = app;

    public string Address => _app.Urls.First();

    /// <summary>What was asked, and the deadline that came with it.</summary>
    public ConcurrentQueue<(PredictRequest Request, DateTime Deadline)> Calls { get; } = [];

    /// <summary>How streams are answered.</summary>
    public Func<IServerStreamWriter<StreamPredictResponse>, Task> OnStream { get; set; } = _ => throw new RpcException(new Status(StatusCode.Unimplemented, ""));

    public static async Task<ScriptedStudent> StartAsync(params Func<ServerCallContext, Task<PredictResponse>>[] script)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(script);
        builder.Services.AddSingleton<Service>();
        var app = builder.Build();
        app.MapGrpcService<Service>();
        var student = new ScriptedStudent(app);
        app.Services.GetRequiredService<Service>().Student = student;
        await app.StartAsync();
        return student;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private sealed class Service(Func<ServerCallContext, Task<PredictResponse>>[] script) : InferenceService.InferenceServiceBase
    {
        private int _next;

        public ScriptedStudent? Student { get; set; }

        public override Task<PredictResponse> Predict(PredictRequest request, ServerCallContext context)
        {
            Student!.Calls.Enqueue((request, context.Deadline));
            return script[Math.Min(Interlocked.Increment(ref _next), script.Length) - 1](context);
        }

        public override Task StreamPredict(StreamPredictRequest request, IServerStreamWriter<StreamPredictResponse> responseStream, ServerCallContext context) => Student!.OnStream(responseStream);
    }
}
