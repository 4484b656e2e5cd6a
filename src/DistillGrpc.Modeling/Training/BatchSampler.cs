namespace DistillGrpc.Modeling.Training;

/// <summary>
/// An endless order of batches: every pass sees every row once, shuffled by the seed. Equal seeds and numbers of rows give
/// equal orders, so that two tasks on the same rows see them together. Rows may be added to the list while it runs: a pass
/// sees those that were there when it began.
/// </summary>
public sealed class BatchSampler
{
    private readonly IReadOnlyList<TaskRow> _rows;
    private readonly BatchSamplerOptions _options;
    private readonly List<PassRows> _passes = [];
    private readonly Queue<int[]> _ready = [];
    private Random _random;
    private int _seed;
    private int _position;

    /// <summary>Makes a sampler.</summary>
    /// <param name="rows">At least one row.</param>
    /// <param name="batchSize">Rows of a batch; with fewer rows than that every batch holds them all.</param>
    /// <param name="seed">Of the order.</param>
    public BatchSampler(IReadOnlyList<TaskRow> rows, int batchSize, int seed)
        : this(rows, new BatchSamplerOptions { BatchSize = batchSize, Seed = seed })
    {
    }

    /// <summary>Makes a sampler.</summary>
    /// <param name="rows">At least one row.</param>
    /// <param name="options">How.</param>
    public BatchSampler(IReadOnlyList<TaskRow> rows, BatchSamplerOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfZero(rows.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(options.BucketBatches);
        ArgumentOutOfRangeException.ThrowIfNegative(options.TokenBudget);
        (_rows, _options, _seed, _random) = (rows, options, options.Seed, new Random(options.Seed));
    }

    /// <summary>Where it stands now.</summary>
    public BatchSamplerState State => new(_seed, [.. _passes], _position);

    /// <summary>Whether the next batch is the first of a pass, which sees the rows that there are by then.</summary>
    public bool IsPassOver => _ready.Count == 0;

    /// <summary>The next batch.</summary>
    public IReadOnlyList<TaskRow> Next() => Array.ConvertAll(NextIndices(), i => _rows[i]);

    /// <summary>The next batch as places in the list of rows, for tasks whose rows lie in lists beside it.</summary>
    public int[] NextIndices()
    {
        if (_ready.Count == 0)
        {
            Begin(_rows.Count);
        }

        _position++;
        return _ready.Dequeue();
    }

    /// <summary>Goes to where another sampler of the same options was; rows may have been added meanwhile.</summary>
    /// <exception cref="InvalidDataException">The state needs more rows than there are, or contradicts itself.</exception>
    public void Restore(BatchSamplerState state)
    {
        if (state.Passes.Any(pass => pass.Rows < 1 || pass.Passes < 1 || pass.Rows > _rows.Count) || state.Position < 0)
        {
            throw new InvalidDataException($"The saved order is over other rows than these {_rows.Count}.");
        }

        (_seed, _random, _position) = (state.Seed, new Random(state.Seed), 0);
        _passes.Clear();
        _ready.Clear();
        foreach (var pass in state.Passes)
        {
            for (var i = 0; i < pass.Passes; i++)
            {
                Begin(pass.Rows);
            }
        }

        if (state.Position > _ready.Count)
        {
            throw new InvalidDataException($"The saved order is {state.Position} batches into a pass of {_ready.Count}.");
        }

        for (; _position < state.Position; _position++)
        {
            _ready.Dequeue();
        }
    }

    private void Begin(int rows)
    {
        var order = Enumerable.Range(0, rows).ToArray();
        _random.Shuffle(order);
        var batches = Batches(order).ToArray();
        if (_options.BucketBatches > 0)
        {
            _random.Shuffle(batches);
        }

        _ready.Clear();
        foreach (var batch in batches)
        {
            _ready.Enqueue(batch);
        }

        _position = 0;
        var last = _passes.Count > 0 ? _passes[^1] : default;
        if (last.Rows == rows)
        {
            _passes[^1] = last with { Passes = last.Passes + 1 };
        }
        else
        {
            _passes.Add(new PassRows(rows, 1));
        }
    }

    private IEnumerable<int[]> Batches(int[] order)
    {
        var size = Math.Min(_options.BatchSize, order.Length);
        if (_options.TokenBudget == 0)
        {
            // The last rows of a pass that fill no batch wait for another one.
            Array.Resize(ref order, order.Length / size * size);
        }

        var buckets = _options.BucketBatches > 0 ? order.Chunk(_options.BucketBatches * size).Select(ByLength) : [order];
        return buckets.SelectMany(bucket => _options.TokenBudget > 0 ? ByBudget(bucket) : bucket.Chunk(size));
    }

    private int[] ByLength(int[] bucket) => [.. bucket.OrderBy(i => _rows[i].Length)];

    private IEnumerable<int[]> ByBudget(int[] rows)
    {
        var batch = new List<int>();
        var longest = 0;
        foreach (var row in rows)
        {
            longest = Math.Max(longest, _rows[row].Length);
            if (batch.Count > 0 && (batch.Count == _options.BatchSize || (long)(batch.Count + 1) * longest > _options.TokenBudget))
            {
                yield return [.. batch];
                batch.Clear();
                longest = _rows[row].Length;
            }

            batch.Add(row);
        }

        if (batch.Count > 0)
        {
            yield return [.. batch];
        }
    }
}
