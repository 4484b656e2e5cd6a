using DistillGrpc.Modeling.Training;

namespace DistillGrpc.Student.Training;

/// <summary>
/// The order in which a run's rows come. Every task has an order of its own, with the same seed, so that tasks on the same number of rows see
/// them together; where they have to (<see cref="RunSpec.IsPaired"/>) there is one order of the examples, and a batch holds what each task has of them.
/// </summary>
internal sealed class RunOrder
{
    private const string OfExamples = "examples";
    private readonly RunRows _rows;
    private readonly IReadOnlyList<RunTask> _tasks;
    private readonly BatchSampler? _examples;
    private readonly IReadOnlyList<BatchSampler> _samplers;

    /// <summary>Begins with the first batch.</summary>
    public RunOrder(RunSpec spec, RunRows rows)
    {
        (_rows, _tasks) = (rows, rows.Tasks);
        var options = new BatchSamplerOptions { BatchSize = spec.BatchSize, Seed = spec.Seed, BucketBatches = spec.Source.BucketBatches, TokenBudget = spec.Source.BatchTokens };
        _examples = spec.IsPaired ? new BatchSampler(rows.Examples, options) : null;
        _samplers = _examples is null ? [.. _tasks.Select(task => new BatchSampler(task.Rows, options))] : [];
    }

    /// <summary>Where it stands, by the name of each order.</summary>
    public IReadOnlyDictionary<string, BatchSamplerState> State => _examples is null
        ? _samplers.Zip(_tasks).ToDictionary(pair => pair.Second.Name, pair => pair.First.State)
        : new Dictionary<string, BatchSamplerState> { [OfExamples] = _examples.State };

    /// <summary>Whether a pass begins with the next step, so that rows that have come are seen from now on.</summary>
    public bool BeginsPass => _examples?.IsPassOver ?? _samplers.Any(sampler => sampler.IsPassOver);

    /// <summary>What the next step learns from.</summary>
    public TaskBatch[] Next()
    {
        if (_examples is null)
        {
            return [.. _samplers.Zip(_tasks).Select(pair => new TaskBatch(pair.Second.Name, pair.First.Next(), pair.Second.Weight))];
        }

        var batch = _examples.NextIndices();
        return [.. _tasks.Select(task => new TaskBatch(task.Name, [.. batch.SelectMany(example => _rows.OfExample(task.Name, example))], task.Weight))];
    }

    /// <summary>Goes to where another order of the same run stood.</summary>
    /// <exception cref="InvalidDataException">The state is that of another run.</exception>
    public void Restore(IReadOnlyDictionary<string, BatchSamplerState> state)
    {
        BatchSamplerState Of(string name) => state.TryGetValue(name, out var found) ? found : throw new InvalidDataException($"The checkpoint is of a run without the order of {name}.");
        _examples?.Restore(Of(OfExamples));
        foreach (var (sampler, task) in _samplers.Zip(_tasks))
        {
            sampler.Restore(Of(task.Name));
        }
    }
}
