namespace DistillGrpc.Student.Serving.Scheduling;

/// <summary>How busy a scheduler is. Written by the model's thread, read by any; neither holds the other up for longer than it takes to read a few numbers.</summary>
internal sealed class SchedulerLoad(TimeProvider time)
{
    /// <summary>Whole seconds that the rates are taken over.</summary>
    public const int Seconds = 10;

    private readonly Lock _lock = new();
    private readonly (long Second, int Steps, int Tokens)[] _past = new (long, int, int)[Seconds + 1];
    private int _rows;
    private int _batchRows;
    private long _contextTokens;

    /// <summary>What is being written.</summary>
    public (int Rows, int BatchRows, long ContextTokens) Running
    {
        get
        {
            lock (_lock)
            {
                return (_rows, _batchRows, _contextTokens);
            }
        }
    }

    /// <summary>Steps and tokens a second, over the last whole seconds.</summary>
    public (double Steps, double Tokens) Rates
    {
        get
        {
            var now = Second();
            lock (_lock)
            {
                var (steps, tokens) = (0, 0);
                foreach (var past in _past)
                {
                    var counts = past.Second < now && past.Second >= now - Seconds;
                    (steps, tokens) = (steps + (counts ? past.Steps : 0), tokens + (counts ? past.Tokens : 0));
                }

                return (steps / (double)Seconds, tokens / (double)Seconds);
            }
        }
    }

    /// <summary>Says what is being written.</summary>
    public void Runs(List<GenerationJob> running)
    {
        var (rows, batchRows, context) = (0, 0, 0L);
        foreach (var job in running)
        {
            rows += job.Rows;
            batchRows += job.Caller.Priority == Priority.Batch ? job.Rows : 0;
            context += job.ContextTokens;
        }

        lock (_lock)
        {
            (_rows, _batchRows, _contextTokens) = (rows, batchRows, context);
        }
    }

    /// <summary>A step was made: a token of each of its rows.</summary>
    public void Stepped(int rows)
    {
        var now = Second();
        lock (_lock)
        {
            ref var past = ref _past[now % _past.Length];
            past = past.Second == now ? (now, past.Steps + 1, past.Tokens + rows) : (now, 1, rows);
        }
    }

    // From 1 on: the places that were never written count for no second.
    private long Second() => (time.GetTimestamp() / time.TimestampFrequency) + Seconds + 1;
}
