using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Serving.Scheduling;

/// <summary>What waits for a model: interactive jobs and those of batches, each in their order. Jobs come from any thread, and go to one.</summary>
internal sealed class JobQueue(string model, SchedulerOptions options, TimeProvider time)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(200);
    private readonly object _lock = new();
    private readonly LinkedList<GenerationJob>[] _lanes = [new(), new()];
    private readonly Queue<Reading> _released = new();
    private TaskCompletionSource _room = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Func<Exception>? _closed;
    private bool _isClosing;
    private bool _wasBatchsTurn;
    private bool _isSignalled;
    private int _open;

    /// <summary>Lets a request in, whose jobs are taken until it leaves; false where none is let in any more.</summary>
    public bool TryEnter()
    {
        lock (_lock)
        {
            _open += _isClosing ? 0 : 1;
            return !_isClosing;
        }
    }

    /// <summary>A request that is in goes on beside itself; to be left as well.</summary>
    public void EnterAgain()
    {
        lock (_lock)
        {
            _open++;
        }
    }

    /// <summary>A request has no further jobs.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            _open--;
            Signal();
        }
    }

    /// <summary>No further job has this input.</summary>
    public void Release(Reading reading)
    {
        lock (_lock)
        {
            _released.Enqueue(reading);
            Signal();
        }
    }

    /// <summary>Adds a job.</summary>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED where too many interactive ones wait; those of batches wait here, too.</exception>
    /// <exception cref="OperationCanceledException">Its caller has gone.</exception>
    public async ValueTask AddAsync(GenerationJob job)
    {
        while (!TryAdd(job, out var room))
        {
            if (job.Caller.Priority == Priority.Interactive)
            {
                throw Full();
            }

            await room.WaitAsync(job.Caller.CancellationToken);
        }
    }

    /// <summary>Refuses an interactive request that there is no room for; those of batches wait.</summary>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED where too many wait.</exception>
    public void RequireRoom(Caller caller)
    {
        lock (_lock)
        {
            if (caller.Priority == Priority.Interactive && IsFull(_lanes[(int)Priority.Interactive]))
            {
                throw Full();
            }
        }
    }

    /// <summary>Ends the jobs that nobody waits for any more, before they cost anything.</summary>
    public void DropAbandoned(DateTimeOffset now)
    {
        lock (_lock)
        {
            Drop(now);
        }
    }

    /// <summary>
    /// Takes the next job that there is room for: interactive ones first, but a batch's that has waited too long has every second turn. None
    /// overtakes one of its kind; what goes on with a request that has begun goes before those that have not.
    /// </summary>
    public GenerationJob? Take(Admission room)
    {
        lock (_lock)
        {
            var (interactive, batch) = (_lanes[(int)Priority.Interactive].First, _lanes[(int)Priority.Batch].First);
            batch = batch is not null && room.IsFreeForBatch(batch.Value) ? batch : null;
            var isOverdue = batch is not null && time.GetElapsedTime(batch.Value.RequestSince > 0 ? batch.Value.RequestSince : batch.Value.Since) >= options.MaxBatchWait;
            var isBatchsTurn = batch is not null && (interactive is null || (isOverdue && !_wasBatchsTurn));
            if ((isBatchsTurn ? batch : interactive) is not { } next || !room.Fits(next.Value))
            {
                return null;
            }

            _wasBatchsTurn = isBatchsTurn;
            Remove(next);
            next.Value.Queued = time.GetElapsedTime(next.Value.Since);
            return next.Value;
        }
    }

    /// <summary>Jobs that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _lanes[0].Count + _lanes[1].Count;
            }
        }
    }

    /// <summary>Jobs that wait, by priority.</summary>
    public (int Interactive, int Batch) Waits
    {
        get
        {
            lock (_lock)
            {
                return (_lanes[(int)Priority.Interactive].Count, _lanes[(int)Priority.Batch].Count);
            }
        }
    }

    /// <summary>Takes an input that no further job has, or null.</summary>
    public Reading? TakeReleased()
    {
        lock (_lock)
        {
            return _released.TryDequeue(out var reading) ? reading : null;
        }
    }

    /// <summary>Waits for something to do; false when there will be nothing more.</summary>
    public bool Wait()
    {
        lock (_lock)
        {
            while (!_isSignalled && !(_isClosing && _open == 0))
            {
                Monitor.Wait(_lock);
            }

            _isSignalled = false;
            return !(_isClosing && _open == 0);
        }
    }

    /// <summary>Lets no further request in; those that are in go on.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _isClosing = true;
            Signal();
        }
    }

    /// <summary>Ends everything that waits, and all that comes.</summary>
    public void Fail(Func<Exception> failure)
    {
        lock (_lock)
        {
            (_isClosing, _closed) = (true, failure);
            foreach (var lane in _lanes)
            {
                while (lane.First is { } first)
                {
                    Remove(first);
                    first.Value.Fail(failure());
                }
            }
        }
    }

    private bool TryAdd(GenerationJob job, out Task room)
    {
        lock (_lock)
        {
            if (_closed is { } failure)
            {
                throw failure();
            }

            var lane = _lanes[(int)job.Caller.Priority];
            var isFull = !job.IsContinuation && IsFull(lane);
            room = _room.Task;
            if (isFull)
            {
                return false;
            }

            job.Since = time.GetTimestamp();
            Add(job, lane);
            ServingMetrics.Waits(model, job.Caller.Priority, 1);
            Signal();
            return true;
        }
    }

    // Those that go on stand first, in their order.
    private static void Add(GenerationJob job, LinkedList<GenerationJob> lane)
    {
        var next = lane.First;
        while (job.IsContinuation && next?.Value.IsContinuation == true)
        {
            next = next.Next;
        }

        _ = job.IsContinuation && next is not null ? lane.AddBefore(next, job) : lane.AddLast(job);
    }

    private bool IsFull(LinkedList<GenerationJob> lane)
    {
        if (lane.Count >= options.MaxQueue)
        {
            Drop(time.GetUtcNow());
        }

        return lane.Count >= options.MaxQueue;
    }

    private Exception Full() => RpcFailure.ResourceExhausted("QUEUE_FULL", $"Too many requests wait for {model}.", RetryAfter);

    private void Drop(DateTimeOffset now)
    {
        foreach (var lane in _lanes)
        {
            for (var node = lane.First; node is not null;)
            {
                var (job, next) = (node.Value, node.Next);
                if (job.Caller.Abandoned(now) is { } reason)
                {
                    Remove(node);
                    job.Fail(reason);
                }

                node = next;
            }
        }
    }

    private void Remove(LinkedListNode<GenerationJob> node)
    {
        node.List!.Remove(node);
        ServingMetrics.Waits(model, node.Value.Caller.Priority, -1);
        if (node.Value.Caller.Priority == Priority.Batch)
        {
            _room.SetResult();
            _room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private void Signal()
    {
        _isSignalled = true;
        Monitor.Pulse(_lock);
    }
}
