using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Scheduling;

namespace DistillGrpc.Student.Serving;

/// <summary>How models are loaded and run, the same for all.</summary>
internal sealed class ModelServing(ModelLoader loader, StudentOptions options, TimeProvider time, ILogger<ModelServing> logger)
{
    public SchedulerOptions Options { get; } = options.Scheduler();

    public TimeProvider Time => time;

    public ILogger Logger => logger;

    /// <summary>Reads a model, on the thread that will run it.</summary>
    /// <exception cref="InvalidDataException">A file is missing or damaged.</exception>
    public ServingModel Load(string directory) => loader(directory);

    /// <summary>Begins to load and serve a version.</summary>
    public ServedModel Start(string name, string directory) => new(name, directory, this);
}
