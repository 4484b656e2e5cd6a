using System.Diagnostics;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Student;
using DistillGrpc.Student.Models;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistillGrpc.Cli.Bench;

/// <summary>A Student within this process, on a free loopback port, that serves a preset with random weights.</summary>
internal sealed class PresetStudent : IAsyncDisposable
{
    public const string ModelId = "bench";
    private readonly string _state = EmbeddedService.CreateFolder("bench");
    private readonly WebApplication _app;
    private EndlessEngine? _engine;

    private PresetStudent(PresetOptions options)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_state, "preset")).FullName;
        BenchVocabulary.Write(folder);
        string[] settings =
        [
            "--Listen=http://127.0.0.1:0", $"--StateDirectory={_state}", $"--Models:{ModelId}={folder}", $"--ServingThreads={options.Threads}",
            $"--MaxOutputTokens={options.MaxOutputTokens}", $"--MaxQueue={options.MaxQueue}",
        ];
        _app = StudentHost.Create(
            settings,
            builder =>
            {
                EmbeddedService.Quiet(builder);
                builder.Services.AddSingleton<ModelLoader>(directory => Load(directory, options));
            },
            isEmbedded: true);
    }

    /// <summary>Where it listens.</summary>
    public Uri Address => _app.Address();

    /// <summary>Starts one, and waits until its model serves.</summary>
    /// <exception cref="InvalidDataException">It does not.</exception>
    public static async Task<PresetStudent> StartAsync(PresetOptions options, CancellationToken cancellationToken)
    {
        var student = new PresetStudent(options);
        try
        {
            await student._app.StartAsync(cancellationToken);
            await student.WaitUntilServingAsync(cancellationToken);
            return student;
        }
        catch
        {
            await student.DisposeAsync();
            throw;
        }
    }

    /// <summary>What it is, and has in memory now.</summary>
    public PresetProcess Describe()
    {
        using var process = Process.GetCurrentProcess();
        return new PresetProcess(_engine!.Name, _engine.WeightBytes, process.WorkingSet64);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        Directory.Delete(_state, recursive: true);
    }

    private ServingModel Load(string directory, PresetOptions options)
    {
        var model = T5Model.Seeded(BenchPreset.Of(options.Preset), options.Seed);
        model.eval();
        var parameters = model.parameters().Sum(parameter => parameter.numel());
        _engine = new EndlessEngine(EngineFactory.Of(model, new EngineOptions { Engine = options.Engine, Precision = options.Precision, Threads = options.Threads }));
        return new ServingModel(_engine, TokenizerLoader.Load(directory), new ModelCard { MaxInputTokens = options.MaxInputTokens }, parameters);
    }

    private async Task WaitUntilServingAsync(CancellationToken cancellationToken)
    {
        using var channel = DistillChannel.To(Address);
        var models = new ModelClient(channel);
        while (await models.GetAsync($"models/{ModelId}", cancellationToken) is { State: not ModelState.Serving } model)
        {
            if (model.State == ModelState.Failed)
            {
                throw new InvalidDataException($"The preset cannot be served: {model.Failure}");
            }

            await Task.Delay(50, cancellationToken);
        }
    }
}
