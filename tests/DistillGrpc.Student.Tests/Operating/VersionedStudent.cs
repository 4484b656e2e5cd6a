using System.Collections.Concurrent;
using System.Text.Json;
using DistillGrpc.Client;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Tests.Serving;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Student.Tests.Operating;

/// <summary>A Student on a free loopback port, over HTTP/2, whose model (<c>models/x</c> unless a test says otherwise) has versions, each a scripted engine behind a tokenizer of bytes.</summary>
internal sealed class VersionedStudent : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Func<int, ScriptedEngine> _make;
    private readonly Func<int, ModelCard> _card;
    private readonly string[] _settings;
    private readonly TimeProvider? _time;
    private readonly ConcurrentDictionary<int, ScriptedEngine> _engines = new();
    private WebApplication? _app;

    private VersionedStudent(Func<int, ScriptedEngine> make, Func<int, ModelCard> card, TimeProvider? time, string[] settings) => (_make, _card, _time, _settings) = (make, card, time, settings);

    public GrpcChannel Channel { get; private set; } = null!;

    public InferenceClient Client => new(Channel);

    public ModelClient Models => new(Channel);

    /// <summary>What it has logged as an error, or worse.</summary>
    public ConcurrentQueue<string> Errors { get; } = new();

    /// <summary>The models' folder.</summary>
    public string Root => Path.Combine(_folder.Path, "state", "models");

    /// <summary>The engine that a version was loaded with last.</summary>
    public ScriptedEngine Engine(int version) => _engines[version];

    /// <summary>Answers that wait for a place in the batch of a model's stable version.</summary>
    public int Waiting(string model = "models/x") => ScriptedStudent.WaitingFor(Get<ModelCatalog>().Find(model, "model"));

    /// <summary>Starts it with versions 1, 2, ... whose engines are made when they are loaded; its clock is the system's unless a test has one. gRPC's deadlines are the system's always.</summary>
    public static async Task<VersionedStudent> StartAsync(
        Func<int, ScriptedEngine> make, Dictionary<string, int> aliases, int versions = 2, Func<int, ModelCard>? card = null, string id = "x", TimeProvider? time = null, params string[] settings)
    {
        var student = new VersionedStudent(make, card ?? (_ => new ModelCard()), time, settings);
        for (var version = 1; version <= versions; version++)
        {
            Directory.CreateDirectory(Path.Combine(student.Root, id, $"{version}"));
        }

        File.WriteAllBytes(Path.Combine(student.Root, id, "model.json"), JsonSerializer.SerializeToUtf8Bytes(new { last = versions, aliases }));
        await student.StartAsync();
        await student.ReadyAsync();
        return student;
    }

    /// <summary>The same with versions that answer their number, and that alone.</summary>
    public static Task<VersionedStudent> StartAsync(Dictionary<string, int> aliases, int versions = 2, params string[] settings) =>
        StartAsync(version => new ScriptedEngine(_ => $"{version}"), aliases, versions, settings: settings);

    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
        await ReadyAsync();
    }

    // Health says so a moment after all is loaded.
    private async Task ReadyAsync()
    {
        await Get<ModelCatalog>().Loaded;
        await ScriptedStudent.UntilAsync(() => Get<Readiness>().IsReady);
    }

    public T Get<T>()
        where T : notnull => _app!.Services.GetRequiredService<T>();

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _folder.Dispose();
    }

    private async Task StartAsync()
    {
        _app = StudentHost.Create(
            ["--Listen=http://127.0.0.1:0", $"--StateDirectory={_folder.Path}/state", .. _settings],
            builder =>
            {
                builder.Logging.ClearProviders().AddProvider(new ErrorCollector(Errors));
                builder.Services.AddSingleton<ModelLoader>(_ => Load);
                if (_time is not null)
                {
                    builder.Services.AddSingleton(_time);
                }
            },
            isEmbedded: true);
        await _app.StartAsync();
        Channel = DistillChannel.To(_app.Address());
    }

    private ServingModel Load(string directory)
    {
        var version = int.Parse(Path.GetFileName(directory));
        var engine = _engines[version] = _make(version);
        return new ServingModel(engine, SchedulerRig.Bytes, _card(version), 1);
    }

    private async Task StopAsync()
    {
        Channel.Dispose();
        await _app!.StopAsync();
        await _app.DisposeAsync();
    }
}
