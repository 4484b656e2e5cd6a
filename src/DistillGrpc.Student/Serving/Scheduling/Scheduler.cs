using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;
using Grpc.Core;

namespace DistillGrpc.Student.Serving.Scheduling;

/// <summary>
/// Fills a model's steps: in every turn jobs that nobody waits for leave, new ones join as far as there is room, their inputs are read, and
/// every answer that is being written gets a token. The order of answers in a step is that in which they came. Used on the model's thread only.
/// </summary>
internal sealed class Scheduler(string model, IT5Engine engine, JobQueue queue, SchedulerOptions options, TimeProvider time, ILogger logger) : IDisposable
{
    private readonly List<GenerationJob> _running = [];
    private readonly List<GenerationJob> _unread = [];
    private readonly StepBatch _step = new(engine);
    private volatile Exception? _failure;
    private int _failedPasses;
    private int _failedSteps;

    /// <summary>How busy it is. Read by any thread.</summary>
    public SchedulerLoad Load { get; } = new(time);

    /// <summary>Why the model cannot go on, such as answers that are no numbers; null while it can. Read by any thread.</summary>
    public Exception? Failure => _failure;

    /// <summary>One turn.</summary>
    /// <returns>Whether anything was done; if not, nothing will be before the queue says so.</returns>
    public bool Turn()
    {
        var now = time.GetUtcNow();
        queue.DropAbandoned(now);
        Leave(now);
        Release();
        var hasAdmitted = Admit();
        Read();
        Load.Runs(_running);
        return Step() || hasAdmitted;
    }

    /// <summary>The model cannot go on: everything that runs, waits or comes fails.</summary>
    public void Fail(Exception failure)
    {
        _failure = failure;
        queue.Fail(ModelFailed);
        while (_running.Count > 0)
        {
            Fail(_running[^1], ModelFailed());
        }

        Load.Runs(_running);
    }

    /// <summary>Gives the memory of inputs back that no further job has.</summary>
    public void Release()
    {
        while (queue.TakeReleased() is { } reading)
        {
            reading.Release();
        }
    }

    /// <summary>What people are told of why a model cannot be served.</summary>
    public static string Reason(Exception failure) => failure switch
    {
        InvalidDataException => failure.Message,
        NonFiniteLogitsException => "what it gives are not finite numbers.",
        _ => "the log says why.",
    };

    /// <summary>Ends what there is. Nothing may be in use any more.</summary>
    public void Dispose()
    {
        Release();
        engine.Dispose();
    }

    // Those that nobody waits for, and those of which enough is written.
    private void Leave(DateTimeOffset now)
    {
        for (var i = _running.Count - 1; i >= 0; i--)
        {
            var job = _running[i];
            if (job.Caller.Abandoned(now) is { } reason)
            {
                Fail(job, reason);
            }
            else if (job.IsStopped)
            {
                Complete(job);
            }
        }
    }

    private bool Admit()
    {
        var (room, hasAdmitted) = (Admission.Of(_running, queue.Waiting, options), false);
        while (queue.Take(room) is { } job)
        {
            (room, hasAdmitted) = (room.With(job), true);
            if (job.Reading.IsRead)
            {
                Start(job);
                continue;
            }

            _unread.Add(job);
        }

        return hasAdmitted;
    }

    private void Read()
    {
        if (_unread.Count == 0)
        {
            return;
        }

        // It may take a while: what is held back is told before.
        _running.ForEach(job => job.FeedTokens(time, TimeSpan.Zero));
        var started = time.GetTimestamp();
        try
        {
            var encodings = engine.Encode(_unread.ConvertAll(job => job.Input));
            var spent = time.GetElapsedTime(started);
            _failedPasses = 0;
            ServingMetrics.Read(model, spent);
            for (var i = 0; i < encodings.Count; i++)
            {
                (_unread[i].Reading.Encoding, _unread[i].Encoded) = (encodings[i], spent);
                Start(_unread[i]);
            }
        }
        catch (Exception failure)
        {
            StudentLog.BatchFailed(logger, failure, model, _unread.Count);
            _unread.ForEach(job => Fail(job, BatchFailed()));
            RequireWorth(++_failedPasses, failure);
        }
        finally
        {
            _unread.Clear();
        }
    }

    private void Start(GenerationJob job)
    {
        job.Since = time.GetTimestamp();
        try
        {
            job.Generation = new Generation(engine, job.Reading.Encoding!, job.Decoding);
            _running.Add(job);
            if (job.Generation.IsDone)
            {
                Complete(job);
            }
        }
        catch (Exception failure)
        {
            StudentLog.BatchFailed(logger, failure, model, 1);
            Fail(job, BatchFailed());
        }
    }

    private bool Step()
    {
        _step.Collect(_running);
        if (_step.Rows == 0)
        {
            return false;
        }

        var started = time.GetTimestamp();
        try
        {
            _step.Step();
        }
        catch (Exception failure)
        {
            // Where they stand is not known: they cannot go on. Others can.
            StudentLog.BatchFailed(logger, failure, model, _running.Count);
            while (_running.Count > 0)
            {
                Fail(_running[^1], BatchFailed());
            }

            RequireWorth(++_failedSteps, failure);
            return true;
        }

        _failedSteps = 0;
        ServingMetrics.Stepped(model, _step.Rows, time.GetElapsedTime(started));
        Load.Stepped(_step.Rows);
        Take();
        return true;
    }

    private void Take()
    {
        // From the last: whoever leaves moves none that is to come.
        var end = _step.Rows;
        for (var i = _running.Count - 1; i >= 0 && Failure is null; i--)
        {
            var rows = _running[i].Generation!.Rows;
            end -= rows;
            Take(_running[i], _step.Logits(end, rows));
        }
    }

    private void Take(GenerationJob job, ReadOnlySpan<float> logits)
    {
        try
        {
            job.Generation!.Take(logits);
            job.FeedTokens(time, options.StreamInterval);
            if (job.Generation.IsDone)
            {
                Complete(job);
            }
        }
        catch (NonFiniteLogitsException broken)
        {
            // Whatever the model would say to anybody is of no worth.
            StudentLog.ModelBroken(logger, model);
            Fail(broken);
        }
        catch (Exception failure)
        {
            StudentLog.BatchFailed(logger, failure, model, 1);
            Fail(job, BatchFailed());
        }
    }

    private void Complete(GenerationJob job)
    {
        job.Decoded = time.GetElapsedTime(job.Since);
        Remove(job);
        End(job, static (job, _) => job.Complete(), null);
    }

    private void Fail(GenerationJob job, Exception failure)
    {
        Remove(job);
        End(job, static (job, failure) => job.Fail(failure!), failure);
    }

    // An engine that cannot even take its memory back is no reason to leave others without an end.
    private void End(GenerationJob job, Action<GenerationJob, Exception?> end, Exception? failure)
    {
        try
        {
            end(job, failure);
        }
        catch (Exception broken)
        {
            StudentLog.BatchFailed(logger, broken, model, 1);
            job.Feed.End(BatchFailed());
        }
    }

    // An engine that has failed so often with nothing between is lost, such as one whose GPU is gone.
    private void RequireWorth(int failures, Exception failure)
    {
        if (failures >= options.MaxFailures && _failure is null)
        {
            StudentLog.ModelFailed(logger, failure, model);
            Fail(failure);
        }
    }

    private void Remove(GenerationJob job)
    {
        _running.Remove(job);
        job.Reading.GenerationEnded();
    }

    private RpcException ModelFailed() => RpcFailure.FailedPrecondition("MODEL_FAILED", $"{model} cannot be served: {Reason(_failure!)}");

    // What the engine says is for the log.
    private static RpcException BatchFailed() => RpcFailure.Of(StatusCode.Internal, "BATCH_FAILED", "The model failed on this batch; the log says why.");
}
