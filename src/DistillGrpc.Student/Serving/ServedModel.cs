using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using TorchSharp;

namespace DistillGrpc.Student.Serving;

/// <summary>A model with the thread that it runs on and the queue in front of it. One intra-op thread: decoding small models is latency, not width.</summary>
internal sealed class ServedModel : IAsyncDisposable
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(200);
    private readonly TaskCompletionSource<Exception?> _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<PredictionJob> _queue;
    private readonly string _directory;
    private LoadedModel? _model;
    private volatile bool _isClosed;

    public ServedModel(string name, string directory, StudentOptions options)
    {
        Name = name;
        _directory = directory;
        _queue = Channel.CreateBounded<PredictionJob>(options.MaxQueue);
        new Thread(Run) { IsBackground = true, Name = name }.Start();
    }

    public string Name { get; }

    /// <summary>Where its files lie.</summary>
    public string Directory => _directory;

    /// <summary>What it can be asked; there once it is loaded.</summary>
    public ModelCard Card => _model?.Card ?? throw new InvalidOperationException("The model is not loaded.");

    /// <summary>Null when it serves, else why it does not.</summary>
    public Task<Exception?> Loaded => _loaded.Task;

    public Model Describe()
    {
        var description = new Model { Name = Name, State = ModelState.Loading };
        if (_loaded.Task is { IsCompletedSuccessfully: true, Result: { } failure })
        {
            description.State = ModelState.Failed;
            description.Failure = Reason(failure);
        }
        else if (_loaded.Task.IsCompleted && _model is { } model)
        {
            description.State = ModelState.Serving;
            description.Prefixes = new TaskPrefixes { Label = model.Card.LabelPrefix, Rationale = model.Card.RationalePrefix };
            description.Parameters = model.Parameters;
            description.WeightBytes = model.Parameters * sizeof(float);
            description.MaxInputTokens = model.Card.MaxInputTokens;
            description.Abilities = model.Card.Describe();
        }

        return description;
    }

    /// <summary>Refuses a model that is not there.</summary>
    /// <exception cref="Grpc.Core.RpcException">UNAVAILABLE while it loads, FAILED_PRECONDITION where it could not be loaded.</exception>
    public void RequireLoaded()
    {
        if (!_loaded.Task.IsCompleted)
        {
            throw RpcFailure.Unavailable("MODEL_LOADING", $"{Name} is being loaded.", TimeSpan.FromSeconds(1));
        }

        if (_loaded.Task.Result is { } failure)
        {
            throw RpcFailure.FailedPrecondition("MODEL_FAILED", $"{Name} could not be loaded: {Reason(failure)}");
        }
    }

    /// <summary>Puts a request into the queue; false where another model has taken this one's place meanwhile.</summary>
    /// <exception cref="Grpc.Core.RpcException">As <see cref="RequireLoaded"/>, and RESOURCE_EXHAUSTED with a full queue.</exception>
    public bool TryEnqueue(PredictionJob job)
    {
        RequireLoaded();
        if (_queue.Writer.TryWrite(job))
        {
            return true;
        }

        return _isClosed ? false : throw RpcFailure.ResourceExhausted("QUEUE_FULL", $"Too many requests wait for {Name}.", RetryAfter);
    }

    public async ValueTask DisposeAsync()
    {
        _isClosed = true;
        _queue.Writer.TryComplete();
        await _ended.Task;
    }

    private static string Reason(Exception failure) => failure is InvalidDataException ? failure.Message : "the log says why.";

    private void Run()
    {
        try
        {
            torch.set_num_threads(1);
            var model = LoadedModel.Load(_directory);
            model.Decode([model.Prompts.Label(["warm up"])], 4, CancellationToken.None);
            _model = model;
            _loaded.SetResult(null);
        }
        catch (Exception failure)
        {
            _loaded.SetResult(failure);
            _ended.SetResult();
            return;
        }

        using (_model)
        {
            while (Next() is { } job)
            {
                Answer(new AnswerWriter(_model, Name, job), job);
            }
        }

        _ended.SetResult();
    }

    // The model's thread has nothing else to do than to wait here: no pool thread is held.
    private PredictionJob? Next()
    {
        PredictionJob? job;
        while (!_queue.Reader.TryRead(out job))
        {
            if (!_queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                return null;
            }
        }

        return job;
    }

    private void Answer(AnswerWriter writer, PredictionJob job)
    {
        try
        {
            writer.Write();
            job.Output.TryComplete();
        }
        catch (Exception failure)
        {
            ServingMetrics.NotAnswered(Name, job.Task, failure is OperationCanceledException);
            job.Output.TryComplete(failure);
        }
    }
}
