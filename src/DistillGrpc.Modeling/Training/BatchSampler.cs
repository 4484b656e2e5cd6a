namespace DistillGrpc.Modeling.Training;

/// <summary>
/// An endless order of batches: every pass sees every row once, shuffled by the seed. Equal seeds and numbers of rows give
/// equal orders, so that two tasks on the same rows see them together. (Batches of similar lengths would save a tenth of the
/// work; in the one pair of runs that compared them the loss fell more slowly.)
/// </summary>
public sealed class BatchSampler
{
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
        // The last rows of a pass that fill no batch wait for another one.
        foreach (var batch in order.Take(order.Length / _batchSize * _batchSize).Chunk(_batchSize))
        {
            _ready.Enqueue(Array.ConvertAll(batch, i => _rows[i]));
        }
    }
}
