using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>Has a Student train.</summary>
/// <param name="channel">A channel to it, such as <see cref="DistillChannel.To"/>; stays the caller's.</param>
public sealed class TrainingClient(ChannelBase channel)
{
    private readonly TrainingService.TrainingServiceClient _client = new(channel);

    /// <summary>Sends a run and its rows, and streams its events back until the result.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="examples">Rows to learn from.</param>
    /// <param name="evaluation">Held-out rows.</param>
    /// <param name="cancellationToken">Cancels the run.</param>
    /// <exception cref="RpcException">The run failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public IAsyncEnumerable<TrainResponse> TrainAsync(
        TrainingSpec spec, IAsyncEnumerable<Example> examples, IAsyncEnumerable<Example> evaluation, CancellationToken cancellationToken = default) =>
        DuplexCall.RunAsync(
            token => _client.Train(cancellationToken: token),
            examples.Select(example => new TrainRequest { Example = example })
                .Concat(evaluation.Select(example => new TrainRequest { EvaluationExample = example }))
                .Prepend(new TrainRequest { Spec = spec }),
            cancellationToken);
}
