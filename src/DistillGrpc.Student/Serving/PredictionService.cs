using System.Text;
using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Serving.Answers;
using DistillGrpc.Student.Serving.Caching;
using DistillGrpc.Student.Serving.Classifying;
using DistillGrpc.Student.Serving.Explaining;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Serving.Scheduling;
using DistillGrpc.Student.Serving.Traffic;
using Grpc.Core;

namespace DistillGrpc.Student.Serving;

/// <summary>The Student's answers.</summary>
internal sealed class PredictionService(
    Entrance entrance, Shadows shadows, ResponseCache cache, AskReader asks, PredictionStore predictions, Explanations explanations, Classifier classifier, TimeProvider time, ILogger<PredictionService> logger) : InferenceService.InferenceServiceBase
{
    private static readonly WriteOptions Flushed = new();
    private static readonly WriteOptions Buffered = new(WriteFlags.BufferHint);

    public override async Task<PredictResponse> Predict(PredictRequest request, ServerCallContext context) => await AnswerAsync(request, Caller.Of(context, Priority.Interactive));

    public override async Task StreamPredict(StreamPredictRequest request, IServerStreamWriter<StreamPredictResponse> responseStream, ServerCallContext context)
    {
        var (_, output) = await StartAsync(AskReader.Same(request), Caller.Of(context, Priority.Interactive), wantsDeltas: true);
        await SendAsync(output, responseStream, static part => part.Delta, context.CancellationToken);
    }

    public override async Task Explain(ExplainRequest request, IServerStreamWriter<ExplainResponse> responseStream, ServerCallContext context) =>
        await SendAsync(await explanations.StartAsync(request, Caller.Of(context, Priority.Interactive)), responseStream, static part => part.Delta, context.CancellationToken);

    public override Task BatchPredict(IAsyncStreamReader<BatchPredictRequest> requestStream, IServerStreamWriter<BatchPredictResponse> responseStream, ServerCallContext context)
    {
        var caller = Caller.Of(context, Priority.Batch);
        return RowStream.RunAsync(requestStream, responseStream, (row, token) => AnswerRowAsync(row, caller with { CancellationToken = token }), context);
    }

    public override Task<ClassifyResponse> Classify(ClassifyRequest request, ServerCallContext context) => classifier.AnswerAsync(request, Caller.Of(context, Priority.Interactive));

    public override Task BatchClassify(IAsyncStreamReader<BatchClassifyRequest> requestStream, IServerStreamWriter<BatchClassifyResponse> responseStream, ServerCallContext context)
    {
        var caller = Caller.Of(context, Priority.Batch);
        return RowStream.RunAsync(requestStream, responseStream, (row, token) => ClassifyRowAsync(row, caller with { CancellationToken = token }), context);
    }

    private static async Task SendAsync<T>(ChannelReader<T> output, IServerStreamWriter<T> responseStream, Func<T, AnswerDelta?> deltaOf, CancellationToken cancellationToken)
    {
        await foreach (var part in output.ReadAllAsync(cancellationToken))
        {
            Join(deltaOf(part), output, deltaOf);
            responseStream.WriteOptions = output.TryPeek(out _) ? Buffered : Flushed;
            await responseStream.WriteAsync(part, cancellationToken);
        }
    }

    // Whoever reads slowly gets fewer and longer messages, and holds no more memory than its text.
    private static void Join<T>(AnswerDelta? delta, ChannelReader<T> output, Func<T, AnswerDelta?> deltaOf)
    {
        StringBuilder? text = null;
        while (delta is not null && output.TryPeek(out var next) && deltaOf(next) is { } more && more.Task == delta.Task && output.TryRead(out _))
        {
            (text ??= new StringBuilder(delta.Text)).Append(more.Text);
            delta.Tokens += more.Tokens;
        }

        if (text is not null)
        {
            delta!.Text = text.ToString();
        }
    }

    private Task<BatchPredictResponse> AnswerRowAsync(BatchPredictRequest row, Caller caller) => RowErrors.GuardAsync(
        async () => new BatchPredictResponse { Id = row.Id, Prediction = await AnswerAsync(row.Request ?? new PredictRequest(), caller) },
        refusal => new BatchPredictResponse { Id = row.Id, Error = refusal },
        logger);

    private Task<BatchClassifyResponse> ClassifyRowAsync(BatchClassifyRequest row, Caller caller) => RowErrors.GuardAsync(
        async () => new BatchClassifyResponse { Id = row.Id, Classification = await classifier.AnswerAsync(row.Request ?? new ClassifyRequest(), caller) },
        refusal => new BatchClassifyResponse { Id = row.Id, Error = refusal },
        logger);

    private async Task<PredictResponse> AnswerAsync(PredictRequest request, Caller caller)
    {
        var (model, output) = await StartAsync(request, caller, wantsDeltas: false);
        var response = new PredictResponse { Model = model };
        await foreach (var part in output.ReadAllAsync(caller.CancellationToken))
        {
            if (part.Consistency is { } consistency)
            {
                response.Consistency = consistency;
            }
            else if (part.Answer.Task == PredictionTask.Rationale)
            {
                response.Rationale = part.Answer;
            }
            else
            {
                response.Label = part.Answer;
            }
        }

        return response;
    }

    private async Task<(string Model, ChannelReader<StreamPredictResponse> Output)> StartAsync(PredictRequest request, Caller caller, bool wantsDeltas)
    {
        var read = asks.Read(request, caller, wantsDeltas);
        CacheKey? key = null;
        ChannelReader<StreamPredictResponse>? kept = null;
        var entry = await entrance.EnterAsync(request, FindKept, caller.CancellationToken);
        var model = entry.Route.Model;
        if (entry.Lease is not { } lease)
        {
            return (model.Name, kept!);
        }

        var ask = read with { GivenRationale = entry.GivenRationale };
        // What is written is sent by the thread that wrote it: that is a pool's, never the model's.
        var output = Channel.CreateUnbounded<StreamPredictResponse>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true, AllowSynchronousContinuations = true });
        var observed = cache.Observe(key, shadows.Observe(entry.Route, request, ask, output.Writer));
        _ = new AnswerFlow(model, lease, ask, observed, predictions, time).RunAsync();
        return (model.Name, output.Reader);

        bool FindKept(ServedModel version)
        {
            AskReader.RequireAble(version.Name, version.Card, request);
            key = cache.KeyOf(version, request);
            kept = cache.Find(key, version.Name, wantsDeltas, label => predictions.Keep(version, read, label));
            return kept is not null;
        }
    }
}
