using System.Diagnostics;
using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using Grpc.Core;

namespace DistillGrpc.Student.Serving;

/// <summary>The Student's answers.</summary>
internal sealed class PredictionService(ModelCatalog catalog, GivenRationales rationales, StudentOptions options, ILogger<PredictionService> logger) : InferenceService.InferenceServiceBase
{
    private const int DefaultMaxTokens = 256;
    private const int BatchInFlight = 32;
    private const int MaxTopLogProbabilities = 20;

    public override async Task<PredictResponse> Predict(PredictRequest request, ServerCallContext context) => await Answer(request, context.CancellationToken);

    public override async Task StreamPredict(StreamPredictRequest request, IServerStreamWriter<StreamPredictResponse> responseStream, ServerCallContext context)
    {
        var asked = new PredictRequest
        {
            Model = request.Model,
            Task = request.Task,
            MaxOutputTokens = request.MaxOutputTokens,
            TopLogProbabilities = request.TopLogProbabilities,
            GivenLabel = request.GivenLabel,
            GivenRationale = request.GivenRationale,
        };
        asked.Segments.AddRange(request.Segments);
        var (_, output) = await StartAsync(asked, wantsDeltas: true, context.CancellationToken);
        await foreach (var part in output.ReadAllAsync(context.CancellationToken))
        {
            await responseStream.WriteAsync(part, context.CancellationToken);
        }
    }

    public override async Task BatchPredict(IAsyncStreamReader<BatchPredictRequest> requestStream, IServerStreamWriter<BatchPredictResponse> responseStream, ServerCallContext context)
    {
        var output = Channel.CreateBounded<BatchPredictResponse>(BatchInFlight);
        var reading = Parallel.ForEachAsync(
            requestStream.ReadAllAsync(context.CancellationToken),
            new ParallelOptions { MaxDegreeOfParallelism = BatchInFlight, CancellationToken = context.CancellationToken },
            async (request, token) => await output.Writer.WriteAsync(await AnswerRow(request, token), token));
        var ending = reading.ContinueWith(done => output.Writer.Complete(done.Exception?.InnerException), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await foreach (var response in output.Reader.ReadAllAsync(context.CancellationToken))
        {
            await responseStream.WriteAsync(response, context.CancellationToken);
        }

        await ending;
        await reading;
    }

    private async Task<BatchPredictResponse> AnswerRow(BatchPredictRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return new BatchPredictResponse { Id = request.Id, Prediction = await Answer(request.Request ?? new PredictRequest(), cancellationToken) };
        }
        catch (Exception failure) when (failure is not (RpcException or OperationCanceledException))
        {
            StudentLog.AnswerFailed(logger, failure);
            return new BatchPredictResponse { Id = request.Id, Error = new RowError { Code = (int)StatusCode.Internal, Reason = "INTERNAL", Message = "The model failed on this input; the log says why." } };
        }
        catch (RpcException refused)
        {
            var details = refused.GetRpcStatus();
            return new BatchPredictResponse
            {
                Id = request.Id,
                Error = new RowError
                {
                    Code = (int)refused.StatusCode,
                    Message = refused.Status.Detail,
                    Reason = details?.GetDetail<Google.Rpc.ErrorInfo>()?.Reason ?? "",
                    Field = details?.GetDetail<Google.Rpc.BadRequest>()?.FieldViolations.FirstOrDefault()?.Field ?? "",
                },
            };
        }
    }

    private async Task<PredictResponse> Answer(PredictRequest request, CancellationToken cancellationToken)
    {
        var (model, output) = await StartAsync(request, wantsDeltas: false, cancellationToken);
        var response = new PredictResponse { Model = model.Name };
        await foreach (var part in output.ReadAllAsync(cancellationToken))
        {
            if (part.Answer.Task == PredictionTask.Rationale)
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

    private async Task<(ServedModel Model, ChannelReader<StreamPredictResponse> Output)> StartAsync(PredictRequest request, bool wantsDeltas, CancellationToken cancellationToken)
    {
        var model = catalog.Find(request.Model, "model");
        if (request.Segments.Count == 0 || request.Segments.Any(string.IsNullOrWhiteSpace))
        {
            throw RpcFailure.InvalidArgument("segments", "must hold at least one text, and none may be empty");
        }

        if (request.Segments.Sum(segment => (long)segment.Length) + request.GivenLabel.Length + request.GivenRationale.Length > options.MaxInputCharacters)
        {
            throw RpcFailure.InvalidArgument("segments", $"may have {options.MaxInputCharacters} characters in all, with given_label and given_rationale");
        }

        if (request.MaxOutputTokens < 0 || request.MaxOutputTokens > options.MaxOutputTokens)
        {
            throw RpcFailure.InvalidArgument("max_output_tokens", $"must be 0 to {options.MaxOutputTokens}");
        }

        if (request.TopLogProbabilities is < 0 or > MaxTopLogProbabilities)
        {
            throw RpcFailure.InvalidArgument("top_log_probabilities", $"must be 0 to {MaxTopLogProbabilities}");
        }

        if (!Enum.IsDefined(request.Task))
        {
            throw RpcFailure.InvalidArgument("task", "is not one of the tasks");
        }

        model.RequireLoaded();
        RequireAble(model, request);
        var rationale = model.Card.Form == PredictionForm.LabelFromRationale && request.GivenRationale.Length == 0
            ? await rationales.AskAsync(model.Card, request.Segments, cancellationToken)
            : request.GivenRationale;
        var output = Channel.CreateUnbounded<StreamPredictResponse>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var maxTokens = request.MaxOutputTokens > 0 ? request.MaxOutputTokens : Math.Min(DefaultMaxTokens, options.MaxOutputTokens);
        var job = new PredictionJob([.. request.Segments], request.Task, request.GivenLabel, rationale, maxTokens, request.TopLogProbabilities, Stopwatch.GetTimestamp(), output.Writer, wantsDeltas, cancellationToken);
        // Another version may have taken its place meanwhile, and be asked otherwise.
        return model.TryEnqueue(job) ? (model, output.Reader) : await StartAsync(request, wantsDeltas, cancellationToken);
    }

    // A model is not asked for what it has not learnt: it would answer something.
    private static void RequireAble(ServedModel model, PredictRequest request)
    {
        var card = model.Card;
        if (card.LacksRationales && request.Task is (PredictionTask.Rationale or PredictionTask.Both))
        {
            throw RpcFailure.FailedPrecondition("NO_RATIONALE_TASK", $"{model.Name} was trained on labels alone, and cannot explain them.");
        }

        if (request.GivenLabel.Length > 0)
        {
            RpcFailure.Require(request.Task == PredictionTask.Rationale, "given_label", "is explained with the task RATIONALE");
            if (!card.ExplainsGivenLabel)
            {
                throw RpcFailure.FailedPrecondition("NO_GIVEN_LABEL_TASK", $"{model.Name} has not learnt to explain a given label (explained_label_weight).");
            }
        }

        if (request.GivenRationale.Length > 0 && card.Form != PredictionForm.LabelFromRationale)
        {
            throw RpcFailure.FailedPrecondition("NO_GIVEN_RATIONALE", $"{model.Name} does not read its label from a rationale.");
        }
    }
}
