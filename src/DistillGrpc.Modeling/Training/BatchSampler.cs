namespace DistillGrpc.Modeling.Training;

/// <summary>
/// An endless order of batches: every pass sees every row once, shuffled by the seed; rows of a similar length share a
/// batch, so that little of it is padding. The same seed and lengths give the same batches.
/// </summary>
public sealed class BatchSampler
{
    /// <summary>Batches among whose rows lengths are sorted: enough to save the padding, few enough to stay random.</summary>
    private const int Window = 16;

    private readonly Random _random;
    private readonly IReadOnlyList<TaskRow> _rows;
    private readonly int _batchSize;
    private readonly Queue<TaskRow[]> _ready = [];

    /// <summary>Makes a sampler.</summary>
    /// <param name="rows">At least one row.</param>
    /// <param name="batchSize">Rows of a batch; with fewer rows than that every batch holds them all.</param>
    /// <param name="seed">Of the order.</param>
    public BatchSampler(IReadOnlyList<TaskRow> rows, int batchSize, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfZero(rows.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        _rows = rows;
        _batchSize = Math.Min(batchSize, rows.Count);
        _random = new Random(seed);
    }

    /// <summary>The next batch.</summary>
    public IReadOnlyList<TaskRow> Next()
    {
        if (_ready.Count == 0)
        {
            Refill();
        }

        return _ready.Dequeue();
    }

    private void Refill()
    {
        var order = Enumerable.Range(0, _rows.Count).ToArray();
        _random.Shuffle(order);
        // The last rows of a pass that fill no batch come again in the next one.
        var whole = order.Take(order.Length / _batchSize * _batchSize);
        var batches = whole.Chunk(_batchSize * Window).SelectMany(InOrderOfLength).ToArray();
        _random.Shuffle(batches);
        foreach (var batch in batches)
        {
            _ready.Enqueue(batch);
        }
    }

    private IEnumerable<TaskRow[]> InOrderOfLength(int[] window) =>
        window.Select(i => _rows[i]).OrderBy(row => row.Target.Length).ThenBy(row => row.Input.Length).Chunk(_batchSize);
}
