using DistillGrpc.Modeling.Decoding;

namespace DistillGrpc.Student.Serving.Scheduling;

/// <summary>A request that a model has let in: until it is disposed the model stays, whatever takes its place meanwhile.</summary>
internal sealed class ServingLease : IDisposable
{
    private readonly JobQueue _queue;
    private Reading? _reading;
    private bool _hasJobs;
    private long _since;

    private ServingLease(JobQueue queue) => _queue = queue;

    /// <summary>Lets a request in; null where none is let in any more.</summary>
    public static ServingLease? Enter(JobQueue queue) => queue.TryEnter() ? new ServingLease(queue) : null;

    /// <summary>A further lease of the same request: what it puts into the queue goes on with it.</summary>
    public ServingLease Beside()
    {
        _queue.EnterAgain();
        return new ServingLease(_queue) { _hasJobs = true };
    }

    /// <summary>Puts a generation into the queue; one after another.</summary>
    /// <param name="input">What the encoder reads.</param>
    /// <param name="isSameInput">It is the same as that of the generation before: it is read once.</param>
    /// <param name="decoding">How to write.</param>
    /// <param name="wantsTokens">Whether tokens are fed as they come.</param>
    /// <param name="caller">Who waits for it.</param>
    /// <param name="gathers">Whether tokens that come fast may be fed several at once.</param>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED where too many wait.</exception>
    public async ValueTask<GenerationJob> StartAsync(int[] input, bool isSameInput, DecodingOptions decoding, bool wantsTokens, Caller caller, bool gathers = false)
    {
        var job = new GenerationJob(input, ReadingOf(isSameInput), decoding, wantsTokens) { Caller = caller, IsContinuation = _hasJobs, RequestSince = _since, IsGathered = gathers };
        await _queue.AddAsync(job);
        (_hasJobs, _since) = (true, _hasJobs ? _since : job.Since);
        return job;
    }

    /// <summary>Refuses a request that there is no room for, before anything is made of it.</summary>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED where too many wait.</exception>
    public void RequireRoom(Caller caller) => _queue.RequireRoom(caller);

    public void Dispose()
    {
        Release();
        _queue.Leave();
    }

    private Reading ReadingOf(bool isSameInput)
    {
        if (!isSameInput || _reading is null)
        {
            Release();
            _reading = new Reading();
        }

        return _reading;
    }

    private void Release()
    {
        if (_reading is not null)
        {
            _queue.Release(_reading);
        }
    }
}
