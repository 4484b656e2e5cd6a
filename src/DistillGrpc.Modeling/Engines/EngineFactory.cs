using System.Collections.Concurrent;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Modeling.T5;
using TorchSharp;

namespace DistillGrpc.Modeling.Engines;

/// <summary>The one place where an engine is chosen.</summary>
public static class EngineFactory
{
    // Models take turns with the same threads, which live as long as the process: more threads than processors would only wait for each other.
    private static readonly ConcurrentDictionary<int, Lazy<WorkerTeam>> Teams = [];

    /// <summary>Reads a model in Hugging Face layout; whoever calls runs it, on this thread.</summary>
    /// <param name="directory">Its folder.</param>
    /// <param name="options">How it is run.</param>
    /// <returns>The engine, the caller's to dispose, and the number of the model's parameters.</returns>
    /// <exception cref="InvalidDataException">A file is missing or damaged.</exception>
    public static (IT5Engine Engine, long Parameters) Load(string directory, EngineOptions options)
    {
        var model = T5Checkpoint.Load(directory);
        var parameters = model.parameters().Sum(parameter => parameter.numel());
        return (Of(model, options), parameters);
    }

    /// <summary>An engine of a model, which is the engine's from now on.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">How it is run.</param>
    public static IT5Engine Of(T5Model model, EngineOptions options)
    {
        var hasGpu = torch.cuda.is_available();
        if (options.Engine == EngineKind.Torch || (options.Engine == EngineKind.Auto && hasGpu))
        {
            torch.set_num_threads(Math.Max(1, options.Threads));
            return new TorchEngine(hasGpu ? (T5Model)model.cuda() : model);
        }

        using (model)
        {
            if (options.Threads > 0)
            {
                // What is copied into the engine's form is copied by no more threads than will answer.
                torch.set_num_threads(options.Threads);
            }

            var threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
            return options.HasOwnThreads ? new CpuEngine(model, options.Precision, new WorkerTeam(threads), ownsTeam: true) : new CpuEngine(model, options.Precision, Team(threads));
        }
    }

    private static WorkerTeam Team(int threads) => Teams.GetOrAdd(threads, static size => new Lazy<WorkerTeam>(() => new WorkerTeam(size))).Value;
}
