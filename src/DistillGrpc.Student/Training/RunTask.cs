using DistillGrpc.Modeling.Training;

namespace DistillGrpc.Student.Training;

/// <summary>A task of a run: its rows, and in which order they come.</summary>
/// <param name="Name">As <see cref="TaskBatch.Name"/>.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Weight">Weight of its loss.</param>
internal sealed record RunTask(string Name, IReadOnlyList<TaskRow> Rows, double Weight)
{
    private BatchSampler? _sampler;

    /// <summary>Its order; equal seeds and numbers of rows give equal orders.</summary>
    public BatchSampler Sampler => _sampler ?? throw new InvalidOperationException("The task has not begun.");

    /// <summary>Begins with the first batch.</summary>
    public RunTask Begin(RunSpec spec)
    {
        _sampler = new BatchSampler(Rows, spec.BatchSize, spec.Seed);
        return this;
    }

    /// <summary>The next batch.</summary>
    public TaskBatch Next() => new(Name, Sampler.Next(), Weight);
}
