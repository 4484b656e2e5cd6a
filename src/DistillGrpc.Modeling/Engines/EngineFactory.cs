using DistillGrpc.Modeling.T5;
using TorchSharp;

namespace DistillGrpc.Modeling.Engines;

/// <summary>The one place where an engine is chosen.</summary>
public static class EngineFactory
{
    /// <summary>Reads a model in Hugging Face layout; whoever calls runs it, on this thread.</summary>
    /// <param name="directory">Its folder.</param>
    /// <param name="options">How it is run.</param>
    /// <returns>The engine, the caller's to dispose, and the number of the model's parameters.</returns>
    /// <exception cref="InvalidDataException">A file is missing or damaged.</exception>
    public static (IT5Engine Engine, long Parameters) Load(string directory, EngineOptions options)
    {
        torch.set_num_threads(options.Threads);
        var model = T5Checkpoint.Load(directory);
        var parameters = model.parameters().Sum(parameter => parameter.numel());
        return (new TorchEngine(model), parameters);
    }
}
