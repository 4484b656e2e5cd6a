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
    private WebApplication? _app;
    private IT5Engine? _engine;

    private PresetStudent()
    {
    }

    /// <summary>Where it listens.</summary>
    public Uri Address => _app!.Address();

    /// <summary>Starts one, and waits until its model serves.</summary>
    /// <exception cref="InvalidDataException">It does not.</exception>
    public static async Task<PresetStudent> StartAsync(PresetOptions options, CancellationToken cancellationToken)
    {
        var student = new PresetStudent();
        try
        {
            await student.ServeAsync(options, cancellationToken);
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
        try
        {
            if (_app is not null)
            {
                await _app.StopAsync();
                await _app.DisposeAsync();
            }
        }
        finally
        {
            Directory.Delete(_state, recursive: true);
        }
    }

    private async Task ServeAsync(PresetOptions options, CancellationToken cancellationToken)
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
        await _app.StartAsync(cancellationToken);
        await RequireServingAsync(_app, cancellationToken);
    }

    private ServingModel Load(string directory, PresetOptions options)
    {
        var model = EndlessModel.Of(BenchPreset.Of(options.Preset), options.Seed);
        var parameters = model.parameters().Sum(parameter => parameter.numel());
        _engine = EngineFactory.Of(model, new EngineOptions { Engine = options.Engine, Precision = options.Precision, Threads = options.Threads });
        return new ServingModel(_engine, TokenizerLoader.Load(directory), new ModelCard { MaxInputTokens = options.MaxInputTokens }, parameters);
    }

    // Before everything is loaded the model may not even be known.
    private static async Task RequireServingAsync(WebApplication app, CancellationToken cancellationToken)
    {
        var loaded = app.Services.GetRequiredService<ModelCatalog>().Loaded;
        await Task.WhenAny(loaded, Task.Delay(Timeout.Infinite, app.Lifetime.ApplicationStopping)).WaitAsync(cancellationToken);
        if (!loaded.IsCompleted)
        {
            throw new InvalidDataException("The preset's Student has stopped.");
        }

        using var channel = DistillChannel.To(app.Address());
        var model = await new ModelClient(channel).GetAsync($"models/{ModelId}", cancellationToken);
        if (model.State != ModelState.Serving)
        {
            throw new InvalidDataException($"The preset cannot be served: {model.Failure}");
        }
    }
}
