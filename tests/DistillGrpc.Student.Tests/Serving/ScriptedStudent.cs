using System.Runtime.CompilerServices;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving;
using DistillGrpc.Student.Serving.Scheduling;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>A Student on a free loopback port, over HTTP/2, whose one model is a scripted engine behind a tokenizer of bytes.</summary>
internal sealed class ScriptedStudent : IAsyncDisposable
{
    private readonly TemporaryFolder _folder;
    private readonly WebApplication _app;
    private readonly CallWatch _watch;

    private ScriptedStudent(TemporaryFolder folder, WebApplication app, ScriptedEngine engine, CallWatch watch) =>
        (_folder, _app, Engine, _watch, Channel) = (folder, app, engine, watch, DistillChannel.To(app.Address()));

    public ScriptedEngine Engine { get; }

    public GrpcChannel Channel { get; }

    public InferenceClient Client => new(Channel);

    public ModelClient Models => new(Channel);

    public ModelCatalog Catalog => _app.Services.GetRequiredService<ModelCatalog>();

    /// <summary>Answers that wait for a place in the batch.</summary>
    public int Waiting => WaitingFor(Catalog.Find("models/scripted", "model"));

    /// <summary>When the callers go, as the Student counts it, call by call.</summary>
    public IEnumerable<DateTimeOffset> Deadlines => _watch.Calls.Select(call => new DateTimeOffset(DateTime.SpecifyKind(call.Deadline, DateTimeKind.Utc)));

    /// <summary>Calls that were given up, as far as the Student knows.</summary>
    public int GivenUp => _watch.Calls.Count(call => call.Token.IsCancellationRequested);

    /// <summary>Starts it.</summary>
    /// <param name="answer">What the model answers to what it reads, its prefix included.</param>
    /// <param name="card">What it can be asked.</param>
    /// <param name="settings">Further settings.</param>
    public static Task<ScriptedStudent> StartAsync(Func<string, string> answer, ModelCard? card = null, params string[] settings) => StartAsync(new ScriptedEngine(answer), card, settings);

    /// <summary>Starts it with an engine.</summary>
    public static Task<ScriptedStudent> StartAsync(ScriptedEngine engine, ModelCard? card = null, params string[] settings) => StartAsync(engine, card, null, settings);

    /// <summary>Starts it with an engine, calibrated.</summary>
    public static Task<ScriptedStudent> StartAsync(ScriptedEngine engine, ModelCard? card, Calibration? calibration, params string[] settings) => StartAsync(engine, card, calibration, null, settings);

    /// <summary>Starts it with an engine, calibrated, and with a clock; gRPC's deadlines are the system's always.</summary>
    public static async Task<ScriptedStudent> StartAsync(ScriptedEngine engine, ModelCard? card, Calibration? calibration, TimeProvider? time, string[] settings)
    {
        var (folder, watch) = (new TemporaryFolder(), new CallWatch());
        var app = StudentHost.Create(
            ["--Listen=http://127.0.0.1:0", $"--StateDirectory={folder.Path}/state", $"--Models:scripted={Directory.CreateDirectory($"{folder.Path}/model").FullName}", .. settings],
            builder =>
            {
                builder.Logging.ClearProviders();
                builder.Services.AddSingleton(watch).AddGrpc(grpc => grpc.Interceptors.Add<CallWatch>());
                builder.Services.AddSingleton<ModelLoader>(_ => new ServingModel(engine, SchedulerRig.Bytes, card ?? new ModelCard(), 1) { Calibration = calibration });
                if (time is not null)
                {
                    builder.Services.AddSingleton(time);
                }
            },
            isEmbedded: true);
        await app.StartAsync();
        await app.Services.GetRequiredService<ModelCatalog>().Loaded;
        // The warm-up is nobody's.
        engine.Passes.Clear();
        engine.Rows.Clear();
        return new ScriptedStudent(folder, app, engine, watch);
    }

    /// <summary>Waits until nothing is left of any request.</summary>
    public Task IdleAsync() => UntilAsync(() => Engine.LiveSequences + Engine.LiveEncodings == 0);

    public static PredictRequest Ask(string text, PredictionTask task = PredictionTask.Label) => new() { Segments = { text }, Task = task };

    public static StreamPredictRequest AskStream(string text, PredictionTask task = PredictionTask.Label) => new() { Segments = { text }, Task = task };

    public static async Task UntilAsync(Func<bool> condition)
    {
        var until = DateTime.UtcNow.AddSeconds(30);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < until, "It did not come to pass.");
            await Task.Delay(5);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _folder.Dispose();
    }

    internal static int WaitingFor(ServedModel served) => QueueOf(served).Waiting;

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_queue")]
    private static extern ref JobQueue QueueOf(ServedModel served);
}
