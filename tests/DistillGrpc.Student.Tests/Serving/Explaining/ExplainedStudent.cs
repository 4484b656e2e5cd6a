using System.Collections.Concurrent;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace DistillGrpc.Student.Tests.Serving.Explaining;

/// <summary>A Student over HTTP/2 that can be restarted, whose model <c>models/x</c> has two versions, scripted engines behind a tokenizer of bytes; the first is stable.</summary>
internal sealed class ExplainedStudent : IAsyncDisposable
{
    public static readonly ModelCard Words = new() { Labels = ["no", "yes"], Reading = new ReadingCard(null, ["no", "yes"], 0.9) };
    private readonly TemporaryFolder _folder = new();
    private readonly Func<string, string> _answer;
    private readonly ModelCard _card;
    private WebApplication? _app;

    private ExplainedStudent(Func<string, string> answer, ModelCard card) => (_answer, _card) = (answer, card);

    /// <summary>What time it is; it stands still.</summary>
    public FakeTimeProvider Time { get; } = new(DateTimeOffset.UtcNow);

    /// <summary>Every engine that was loaded, with its version's number.</summary>
    public ConcurrentQueue<(string Version, ScriptedEngine Engine)> Loaded { get; } = new();

    /// <summary>Called before a version is loaded.</summary>
    public Action<string>? OnLoad { get; set; }

    public GrpcChannel Channel { get; private set; } = null!;

    public InferenceClient Client => new(Channel);

    public ModelClient Models => new(Channel);

    public string State => Path.Combine(_folder.Path, "state");

    public string Database => Path.Combine(State, "predictions.db");

    /// <summary>Starts it.</summary>
    /// <param name="answer">What both versions answer to what they read, the prefix included.</param>
    /// <param name="card">What they can be asked; null for one that reads labels from rationales.</param>
    /// <param name="settings">Further settings.</param>
    public static async Task<ExplainedStudent> StartAsync(Func<string, string> answer, ModelCard? card = null, params string[] settings)
    {
        var student = new ExplainedStudent(answer, card ?? Words);
        var model = Path.Combine(student.State, "models", "x");
        foreach (var number in new[] { "1", "2" })
        {
            Directory.CreateDirectory(Path.Combine(model, number));
            await File.WriteAllTextAsync(Path.Combine(model, number, "config.json"), $"version {number}");
        }

        await File.WriteAllTextAsync(Path.Combine(model, "model.json"), """{"last": 2, "aliases": {"stable": 1}}""");
        await student.StartAsync(settings);
        return student;
    }

    /// <summary>Stops it as SIGTERM does, and starts it again.</summary>
    public async Task RestartAsync(params string[] settings)
    {
        await StopAsync();
        await StartAsync(settings);
    }

    /// <summary>What is in memory is on the disk when this returns.</summary>
    public async Task WrittenAsync(int rows) => await ScriptedStudent.UntilAsync(() =>
    {
        Time.Advance(TimeSpan.FromMilliseconds(300));
        return Rows() == rows;
    });

    /// <summary>Predictions on the disk.</summary>
    public long Rows()
    {
        using var connection = new SqliteConnection($"Data Source={Database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT COUNT(*) FROM predictions";
        return (long)command.ExecuteScalar()!;
    }

    /// <summary>Predicts a label, and gives the prediction's name.</summary>
    public async Task<string> PredictAsync(string text = "is it?", params string[] candidates) =>
        (await Client.PredictAsync(new PredictRequest { Model = "models/x", Segments = { text }, Candidates = { candidates } })).Label.Prediction;

    /// <summary>Explains a prediction.</summary>
    public async Task<(string Deltas, TaskAnswer Answer, Consistency Consistency)> ExplainAsync(ExplainRequest request)
    {
        var parts = await Client.ExplainAsync(request, null).ToListAsync();
        Assert.Equal([ExplainResponse.EventOneofCase.Answer, ExplainResponse.EventOneofCase.Consistency], parts.TakeLast(2).Select(part => part.EventCase));
        return (string.Concat(parts.SkipLast(2).Select(part => part.Delta.Text)), parts[^2].Answer, parts[^1].Consistency);
    }

    public Task<(string Deltas, TaskAnswer Answer, Consistency Consistency)> ExplainAsync(string prediction) => ExplainAsync(new ExplainRequest { Prediction = prediction });

    /// <summary>How an explanation fails.</summary>
    public async Task<(StatusCode Code, string? Reason, string Text)> RefusedAsync(ExplainRequest request)
    {
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await Client.ExplainAsync(request, null).ToListAsync());
        return (refused.StatusCode, RpcErrors.Field(refused) ?? RpcErrors.Reason(refused), refused.Status.Detail);
    }

    public Task<(StatusCode Code, string? Reason, string Text)> RefusedAsync(string prediction) => RefusedAsync(new ExplainRequest { Prediction = prediction });

    /// <summary>Why a prediction cannot be explained, or null.</summary>
    public StatusCode? RefusedOrNull(string prediction)
    {
        try
        {
            ExplainAsync(prediction).GetAwaiter().GetResult();
            return null;
        }
        catch (RpcException refused)
        {
            return refused.StatusCode;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _folder.Dispose();
    }

    /// <summary>Starts it again after <see cref="StopAsync"/>.</summary>
    public Task StartAgainAsync() => StartAsync([]);

    /// <summary>Stops it as SIGTERM does.</summary>
    public async Task StopAsync()
    {
        if (_app is not { } app)
        {
            return;
        }

        _app = null;
        Channel.Dispose();
        await app.StopAsync();
        await app.DisposeAsync();
    }

    private async Task StartAsync(string[] settings)
    {
        _app = StudentHost.Create(
            ["--Listen=http://127.0.0.1:0", $"--StateDirectory={State}", .. settings],
            builder =>
            {
                builder.Logging.ClearProviders();
                builder.Services.AddSingleton<TimeProvider>(Time);
                builder.Services.AddSingleton<ModelLoader>(directory =>
                {
                    var version = Path.GetFileName(directory);
                    OnLoad?.Invoke(version);
                    var engine = new ScriptedEngine(_answer);
                    Loaded.Enqueue((version, engine));
                    return new ServingModel(engine, SchedulerRig.Bytes, _card, 1);
                });
            },
            isEmbedded: true);
        await _app.StartAsync();
        await _app.Services.GetRequiredService<ModelCatalog>().Loaded;
        Channel = DistillChannel.To(_app.Address());
    }
}
