namespace DistillGrpc.Modeling.Training;

/// <summary>A part of a step's rows that goes through the model at once. Its tasks are the step's, some perhaps without rows.</summary>
internal sealed class MicroBatch
{
    private readonly List<int[]> _inputs = [];

    private MicroBatch(TaskBatch[] tasks)
    {
        Tasks = tasks;
        var places = new Dictionary<int[], int>(ReferenceEqualityComparer.Instance);
        InputOfRow = Array.ConvertAll(tasks, task => task.Rows.Select(row => Place(row.Input, places)).ToArray());
    }

    public IReadOnlyList<TaskBatch> Tasks { get; }

    /// <summary>The inputs that the encoder reads, each once.</summary>
    public IReadOnlyList<int[]> Inputs => _inputs;

    /// <summary>For every task's every row which of <see cref="Inputs"/> it has.</summary>
    public int[][] InputOfRow { get; }

    /// <summary>Cuts every task's rows into nearly equal parts in their order; rows of one example stay together.</summary>
    public static MicroBatch[] Split(IReadOnlyList<TaskBatch> tasks, int count)
    {
        if (count == 1)
        {
            return [new MicroBatch([.. tasks])];
        }

        var partOfExample = new Dictionary<int, int>();
        var parts = tasks.Select(task => task.Rows.Select((row, i) =>
        {
            var part = (int)((long)i * count / task.Rows.Count);
            return row.Example < 0 || partOfExample.TryAdd(row.Example, part) ? part : partOfExample[row.Example];
        }).ToArray()).ToArray();
        return [.. Enumerable.Range(0, count)
            .Select(part => tasks.Select((task, t) => task with { Rows = [.. task.Rows.Where((_, i) => parts[t][i] == part)] }).ToArray())
            .Where(cut => cut.Any(task => task.Rows.Count > 0))
            .Select(cut => new MicroBatch(cut))];
    }

    private int Place(int[] input, Dictionary<int[], int> places)
    {
        if (places.TryAdd(input, _inputs.Count))
        {
            _inputs.Add(input);
        }

        return places[input];
    }
}
