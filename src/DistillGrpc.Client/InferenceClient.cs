using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>Asks a Student.</summary>
/// <param name="channel">A channel to it, such as <see cref="DistillChannel.To"/>; stays the caller's.</param>
public sealed class InferenceClient(ChannelBase channel)
{
    private readonly InferenceService.InferenceServiceClient _client = new(channel);

    /// <summary>One answer, when it is complete.</summary>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public Task<PredictResponse> PredictAsync(PredictRequest request, CancellationToken cancellationToken = default) =>
        PredictAsync(request, null, cancellationToken);

    /// <summary>One answer, when it is complete.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="deadline">When nobody waits any more (UTC): the Student stops then. Null: never.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async Task<PredictResponse> PredictAsync(PredictRequest request, DateTime? deadline, CancellationToken cancellationToken = default) =>
        await _client.PredictAsync(request, deadline: deadline, cancellationToken: cancellationToken);

    /// <summary>One answer, token by token. Leaving the enumeration early stops decoding.</summary>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public IAsyncEnumerable<StreamPredictResponse> StreamPredictAsync(StreamPredictRequest request, CancellationToken cancellationToken = default) =>
        StreamPredictAsync(request, null, cancellationToken);

    /// <summary>One answer, token by token. Leaving the enumeration early stops decoding.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="deadline">When nobody waits any more (UTC): the Student stops then. Null: never.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async IAsyncEnumerable<StreamPredictResponse> StreamPredictAsync(
        StreamPredictRequest request, DateTime? deadline, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var call = _client.StreamPredict(request, deadline: deadline, cancellationToken: cancellationToken);
        await foreach (var response in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            yield return response;
        }
    }

    /// <summary>
    /// Why a label was given: its rationale piece by piece, then the whole of it, then whether it agrees with the label. The version that gave the label writes it.
    /// Leaving the enumeration early stops decoding.
    /// </summary>
    /// <param name="prediction"><c>PredictResponse.Label.Prediction</c> of the answer; the Student keeps it for 24 hours unless its operator says otherwise.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed, for instance because the prediction is no longer kept; <see cref="RpcErrors.Describe"/> says why.</exception>
    public IAsyncEnumerable<ExplainResponse> ExplainAsync(string prediction, CancellationToken cancellationToken = default) =>
        ExplainAsync(new ExplainRequest { Prediction = prediction }, null, cancellationToken);

    /// <summary>As <see cref="ExplainAsync(string, CancellationToken)"/>, with all that can be asked for.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="deadline">When nobody waits any more (UTC): the Student stops then. Null: never.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async IAsyncEnumerable<ExplainResponse> ExplainAsync(
        ExplainRequest request, DateTime? deadline, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var call = _client.Explain(request, deadline: deadline, cancellationToken: cancellationToken);
        await foreach (var response in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            yield return response;
        }
    }

    /// <summary>Many answers, as they finish; each carries its input's id.</summary>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public IAsyncEnumerable<BatchPredictResponse> BatchPredictAsync(IAsyncEnumerable<BatchPredictRequest> requests, CancellationToken cancellationToken = default) =>
        DuplexCall.RunAsync(token => _client.BatchPredict(cancellationToken: token), requests, cancellationToken);

    /// <summary>How likely labels are, of many inputs, as they finish; each answer carries its input's id.</summary>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public IAsyncEnumerable<BatchClassifyResponse> BatchClassifyAsync(IAsyncEnumerable<BatchClassifyRequest> requests, CancellationToken cancellationToken = default) =>
        DuplexCall.RunAsync(token => _client.BatchClassify(cancellationToken: token), requests, cancellationToken);

    /// <summary>How likely each label of a set is, and the answer: the student's, the Teacher's, or none.</summary>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public Task<ClassifyResponse> ClassifyAsync(ClassifyRequest request, CancellationToken cancellationToken = default) =>
        ClassifyAsync(request, null, cancellationToken);

    /// <summary>How likely each label of a set is, and the answer: the student's, the Teacher's, or none.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="deadline">When nobody waits any more (UTC); a Teacher that would take longer is left. Null: never.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async Task<ClassifyResponse> ClassifyAsync(ClassifyRequest request, DateTime? deadline, CancellationToken cancellationToken = default) =>
        await _client.ClassifyAsync(request, deadline: deadline, cancellationToken: cancellationToken);

    /// <summary>How likely each label of a set is, and the answer: the student's, the Teacher's, or none.</summary>
    /// <param name="model"><c>models/{id}</c>; empty for the Student's default.</param>
    /// <param name="segments">The input.</param>
    /// <param name="labels">The labels; null for those that the model has learnt.</param>
    /// <param name="minProbability">Below this probability the student does not answer; null: it always does.</param>
    /// <param name="escalate">The Teacher is asked then; needs a least probability.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public Task<ClassifyResponse> ClassifyAsync(
        string model, IEnumerable<string> segments, IEnumerable<string>? labels = null, double? minProbability = null, bool escalate = false, CancellationToken cancellationToken = default)
    {
        var request = new ClassifyRequest { Model = model, Segments = { segments }, Labels = { labels ?? [] }, Escalation = escalate ? new Escalation() : null };
        if (minProbability is { } least)
        {
            request.MinProbability = least;
        }

        return ClassifyAsync(request, cancellationToken);
    }
}
