using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Scheduling;
using DecodingOptions = DistillGrpc.Modeling.Decoding.DecodingOptions;

namespace DistillGrpc.Student.Serving;

/// <summary>A model with the thread that it runs on, its scheduler, and the queue in front of it.</summary>
internal sealed class ServedModel : IAsyncDisposable
{
    private static long _loadings;
    private readonly TaskCompletionSource<Exception?> _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly JobQueue _queue;
    private readonly ModelServing _serving;
    private volatile ServingModel? _model;
    private volatile Scheduler? _scheduler;

    public ServedModel(string name, string directory, ModelServing serving)
    {
        (Name, Directory, _serving) = (name, directory, serving);
        _queue = new JobQueue(name, serving.Options, serving.Time);
        new Thread(Run) { IsBackground = true, Name = name }.Start();
    }

    public string Name { get; }

    /// <summary>A number that no other has in this process, nor the same version when it is loaded anew.</summary>
    public long Loading { get; } = Interlocked.Increment(ref _loadings);

    /// <summary>Where its files lie.</summary>
    public string Directory { get; }

    /// <summary>What answers; there once it is loaded. Its engine is its thread's.</summary>
    public ServingModel Model => _model ?? throw new InvalidOperationException("The model is not loaded.");

    /// <summary>What it can be asked; there once it is loaded.</summary>
    public ModelCard Card => Model.Card;

    /// <summary>What its files are, where names may come to mean others; there once it is loaded.</summary>
    public string Fingerprint { get; private set; } = "";

    /// <summary>Null when it serves, else why it does not.</summary>
    public Task<Exception?> Loaded => _loaded.Task;

    /// <summary>Whether it answers.</summary>
    public bool IsServing => _loaded.Task.IsCompleted && Failure is null;

    public Model Describe()
    {
        var description = new Model { Name = Name, State = ModelState.Loading };
        if (Failure is { } failure)
        {
            description.State = ModelState.Failed;
            description.Failure = Scheduler.Reason(failure);
        }
        else if (IsServing && _model is { } model)
        {
            description.State = ModelState.Serving;
            description.Prefixes = new TaskPrefixes { Label = model.Card.LabelPrefix, Rationale = model.Card.RationalePrefix };
            description.Parameters = model.Parameters;
            description.WeightBytes = model.Engine.WeightBytes;
            description.MaxInputTokens = model.Card.MaxInputTokens;
            description.Abilities = model.Card.Describe();
        }

        return description;
    }

    /// <summary>How busy it is.</summary>
    public VersionCapacity Capacity()
    {
        var ((interactive, batch), options, load) = (_queue.Waits, _serving.Options, _scheduler?.Load);
        var (rows, batchRows, context) = load?.Running ?? default;
        var (steps, tokens) = load?.Rates ?? default;
        return new VersionCapacity
        {
            Name = Name,
            State = StateNow,
            InteractiveWaiting = interactive,
            BatchWaiting = batch,
            MaxWaiting = options.MaxQueue,
            Rows = rows,
            BatchRows = batchRows,
            MaxRows = options.MaxRows,
            MaxBatchRows = options.MaxBatchRows,
            ContextTokens = context,
            MaxContextTokens = options.MaxContextTokens,
            StepsPerSecond = steps,
            TokensPerSecond = tokens,
            WeightBytes = IsServing ? Model.Engine.WeightBytes : 0,
        };
    }

    /// <summary>Refuses a model that is not there.</summary>
    /// <exception cref="Grpc.Core.RpcException">UNAVAILABLE while it loads, FAILED_PRECONDITION where it could not be loaded, or gives no numbers.</exception>
    public void RequireLoaded()
    {
        if (!_loaded.Task.IsCompleted)
        {
            throw RpcFailure.Unavailable("MODEL_LOADING", $"{Name} is being loaded.", TimeSpan.FromSeconds(1));
        }

        if (Failure is { } failure)
        {
            throw RpcFailure.FailedPrecondition("MODEL_FAILED", _scheduler is null ? $"{Name} could not be loaded: {Scheduler.Reason(failure)}" : $"{Name} cannot be served: {Scheduler.Reason(failure)}");
        }
    }

    /// <summary>Lets a request in; null where another model has taken this one's place meanwhile.</summary>
    /// <exception cref="Grpc.Core.RpcException">As <see cref="RequireLoaded"/>.</exception>
    public ServingLease? Enter()
    {
        RequireLoaded();
        return ServingLease.Enter(_queue);
    }

    /// <summary>Lets no further request in, answers those that are, and gives the memory back.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Close();
        await _ended.Task;
    }

    /// <summary>Whether it could not be loaded, or cannot be served any more.</summary>
    public bool HasFailed => Failure is not null;

    private ModelState StateNow => Failure is not null ? ModelState.Failed : IsServing ? ModelState.Serving : ModelState.Loading;

    private Exception? Failure => _scheduler?.Failure ?? (_loaded.Task is { IsCompletedSuccessfully: true, Result: { } failure } ? failure : null);

    private void Run()
    {
        try
        {
            Fingerprint = ModelFingerprint.Of(Directory);
            Serve(_serving.Load(Directory));
        }
        catch (Exception failure)
        {
            if (!_loaded.TrySetResult(failure))
            {
                StudentLog.ModelFailed(_serving.Logger, failure, Name);
            }
        }

        NativeHeap.Trim();
        _ended.SetResult();
    }

    private void Serve(ServingModel model)
    {
        using var scheduler = new Scheduler(Name, model.Engine, _queue, _serving.Options, _serving.Time, _serving.Logger);
        WarmUp(model, scheduler);
        (_model, _scheduler) = (model, scheduler);
        _loaded.SetResult(null);
        try
        {
            // The thread has nothing else to do than to wait here: no pool thread is held.
            while (scheduler.Failure is null && (scheduler.Turn() || _queue.Wait()))
            {
            }
        }
        catch (Exception failure)
        {
            StudentLog.ModelFailed(_serving.Logger, failure, Name);
            scheduler.Fail(failure);
        }

        // Requests that have failed leave one after another, and their inputs' memory is this thread's to free.
        while (_queue.Wait())
        {
            scheduler.Release();
        }
    }

    // The first answer of a process is slow, and shows whether there are any.
    private void WarmUp(ServingModel model, Scheduler scheduler)
    {
        var prompt = model.Prompts.Label(["warm up"]);
        var caller = new Caller(Priority.Interactive, DateTimeOffset.MaxValue, CancellationToken.None);
        var options = new DecodingOptions { MaxTokens = 4, Prefix = prompt.DecoderPrefix };
        // None is let in where the model is to go before it has come.
        using var lease = ServingLease.Enter(_queue);
        if (lease is not null)
        {
            var job = lease.StartAsync(prompt.Input.Ids, isSameInput: false, options, wantsTokens: false, caller).AsTask().GetAwaiter().GetResult();
            while (scheduler.Turn())
            {
            }

            if (scheduler.Failure is not null)
            {
                throw new InvalidDataException("What the model gives are not finite numbers.");
            }

            job.Feed.WaitAsync().AsTask().GetAwaiter().GetResult();
        }
    }
}
