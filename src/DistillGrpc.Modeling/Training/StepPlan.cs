namespace DistillGrpc.Modeling.Training;

/// <summary>A step before any tensor: its rows cut into micro-batches, and what their means are taken over.</summary>
internal sealed class StepPlan
{
    private readonly LossMean _mean;

    public StepPlan(IReadOnlyList<TaskBatch> tasks, TrainerOptions options)
    {
        if (tasks.All(task => task.Rows.Count == 0))
        {
            throw new ArgumentException("There is nothing to learn from.");
        }

        if (tasks.DistinctBy(task => task.Name).Count() < tasks.Count)
        {
            throw new ArgumentException("Two tasks of a step have the same name.");
        }

        (Tasks, _mean, LabelSmoothing) = (tasks, options.Mean, options.LabelSmoothing);
        MicroBatches = MicroBatch.Split(tasks, options.AccumulationSteps);
    }

    public IReadOnlyList<TaskBatch> Tasks { get; }

    public double LabelSmoothing { get; }

    public IReadOnlyList<MicroBatch> MicroBatches { get; }

    /// <summary>How much each token of a row counts in a mean over the whole step.</summary>
    /// <param name="all">Lengths of all rows that the mean is over.</param>
    /// <returns>From a row's length to the share of one of its tokens; all tokens' shares add up to 1.</returns>
    public Func<int, float> Shares(IEnumerable<int> all)
    {
        var (tokens, rows) = (0.0, 0.0);
        foreach (var length in all)
        {
            tokens += length;
            rows++;
        }

        return _mean == LossMean.Tokens ? _ => (float)(1 / tokens) : length => (float)(1 / (rows * length));
    }
}
