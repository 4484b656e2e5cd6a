using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>Has a Student train.</summary>
/// <param name="channel">A channel to it, such as <see cref="DistillChannel.To"/>; stays the caller's.</param>
/// <param name="time">The clock of the waits between connections; default the system's.</param>
public sealed class TrainingClient(ChannelBase channel, TimeProvider? time = null)
{
    private readonly TrainingService.TrainingServiceClient _client = new(channel);
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Sends a run and its rows, and streams its events back until the result.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="examples">Rows to learn from.</param>
    /// <param name="evaluation">Held-out rows.</param>
    /// <param name="cancellationToken">Cancels the run.</param>
    /// <exception cref="RpcException">The run failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public IAsyncEnumerable<TrainingEvent> TrainAsync(
        TrainingSpec spec, IAsyncEnumerable<Example> examples, IAsyncEnumerable<Example> evaluation, CancellationToken cancellationToken = default) =>
        DuplexCall.RunAsync(
            token => _client.Train(cancellationToken: token),
            examples.Select(example => new TrainRequest { Example = example })
                .Concat(evaluation.Select(example => new TrainRequest { EvaluationExample = example }))
                .Prepend(new TrainRequest { Spec = spec }),
            cancellationToken).Select(response => response.Event);

    /// <summary>Creates a job; made again with the same request_id and spec, gives the one that there is.</summary>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async Task<TrainingJob> CreateAsync(CreateTrainingJobRequest request, CancellationToken cancellationToken = default) =>
        (await _client.CreateTrainingJobAsync(request, cancellationToken: cancellationToken)).Job;

    /// <summary>What a job would learn from the rows that there are, and what it would take; none is created.</summary>
    /// <exception cref="RpcException">The spec or its rows are refused; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async Task<TrainingValidation> ValidateAsync(TrainingSpec spec, CancellationToken cancellationToken = default) =>
        (await _client.CreateTrainingJobAsync(new CreateTrainingJobRequest { Spec = spec, ValidateOnly = true }, cancellationToken: cancellationToken)).Validation;

    /// <summary>A job.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<TrainingJob> GetAsync(string name, CancellationToken cancellationToken = default) =>
        (await _client.GetTrainingJobAsync(new GetTrainingJobRequest { Name = name }, cancellationToken: cancellationToken)).Job;

    /// <summary>All jobs, the newest first.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public IAsyncEnumerable<TrainingJob> ListAsync(CancellationToken cancellationToken = default) => Pages.AllAsync<TrainingJob>(
        async (token, cancelled) =>
        {
            var page = await _client.ListTrainingJobsAsync(new ListTrainingJobsRequest { PageSize = Pages.Size, PageToken = token }, cancellationToken: cancelled);
            return (page.Jobs, page.NextPageToken);
        },
        cancellationToken);

    /// <summary>A job's events, each once and in their order, until it has ended; over lost connections and restarts of the Student.</summary>
    /// <param name="name">The job.</param>
    /// <param name="after">Only events after this number; 0 for all.</param>
    /// <param name="cancellationToken">Ends the watch; the job goes on.</param>
    /// <exception cref="RpcException">The first connection failed, too many failed in a row, or the call failed otherwise than by UNAVAILABLE.</exception>
    public IAsyncEnumerable<TrainingEvent> WatchAsync(string name, long after = 0, CancellationToken cancellationToken = default)
    {
        var reached = after;
        return WatchCall.RunAsync(
            token => _client.WatchTrainingJob(new WatchTrainingJobRequest { Name = name, AfterSequence = reached }, cancellationToken: token),
            response =>
            {
                var isNew = response.Event.Sequence > reached;
                reached = Math.Max(reached, response.Event.Sequence);
                return isNew;
            },
            _time,
            cancellationToken).Select(response => response.Event);
    }

    /// <summary>Takes a job out of the queue, or stops it with a checkpoint.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<TrainingJob> PauseAsync(string name, CancellationToken cancellationToken = default) =>
        (await _client.PauseTrainingJobAsync(new PauseTrainingJobRequest { Name = name }, cancellationToken: cancellationToken)).Job;

    /// <summary>Has a job that is paused, or has failed, go on from its last checkpoint when its turn comes.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<TrainingJob> ResumeAsync(string name, CancellationToken cancellationToken = default) =>
        (await _client.ResumeTrainingJobAsync(new ResumeTrainingJobRequest { Name = name }, cancellationToken: cancellationToken)).Job;

    /// <summary>Ends a job for good.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<TrainingJob> CancelAsync(string name, CancellationToken cancellationToken = default) =>
        (await _client.CancelTrainingJobAsync(new CancelTrainingJobRequest { Name = name }, cancellationToken: cancellationToken)).Job;

    /// <summary>Removes a job that has ended, or is paused; its model stays.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task DeleteAsync(string name, CancellationToken cancellationToken = default) =>
        await _client.DeleteTrainingJobAsync(new DeleteTrainingJobRequest { Name = name }, cancellationToken: cancellationToken);
}
