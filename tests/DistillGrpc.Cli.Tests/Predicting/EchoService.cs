using System.Collections.Concurrent;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Cli.Tests.Predicting;

/// <summary>A Student whose label is the input.</summary>
internal sealed class EchoService : InferenceService.InferenceServiceBase
{
    public ConcurrentBag<string> Asked { get; } = [];

    public ConcurrentQueue<StreamPredictRequest> Streamed { get; } = new();

    public int FailsAfter { get; set; } = int.MaxValue;

    /// <summary>Rows that are refused by themselves.</summary>
    public string[] Refuses { get; set; } = [];

    /// <summary>Answers wait for it.</summary>
    public TaskCompletionSource? Gate { get; set; }

    public override async Task BatchPredict(IAsyncStreamReader<BatchPredictRequest> requestStream, IServerStreamWriter<BatchPredictResponse> responseStream, ServerCallContext context)
    {
        var count = 0;
        await foreach (var request in requestStream.ReadAllAsync())
        {
            if (count++ == FailsAfter)
            {
                throw RpcFailure.Of(StatusCode.Aborted, "GONE", "It is gone.");
            }

            Asked.Add(request.Id);
            await (Gate?.Task.WaitAsync(TimeSpan.FromSeconds(60)) ?? Task.CompletedTask);
            await responseStream.WriteAsync(Refusal(request) is { } refusal ? new BatchPredictResponse { Id = request.Id, Error = refusal }
                : new BatchPredictResponse { Id = request.Id, Prediction = new PredictResponse { Label = new TaskAnswer { Text = request.Request.Segments[0] } } });
        }
    }

    private RowError? Refusal(BatchPredictRequest asked) =>
        asked.Request.Model == "models/absent" ? new RowError { Code = (int)StatusCode.NotFound, Reason = "MODEL_NOT_FOUND", Message = "There is no model 'models/absent'." }
        : asked.Request.Decoding?.Temperature < 0 ? new RowError { Code = (int)StatusCode.InvalidArgument, Reason = "INVALID_FIELD", Field = "decoding.temperature", Message = "decoding.temperature: must be 0, or 0.01 to 100" }
        : Refuses.Contains(asked.Id) ? new RowError { Code = (int)StatusCode.InvalidArgument, Field = "segments", Message = "It is not liked." }
        : null;

    public override Task StreamPredict(StreamPredictRequest request, IServerStreamWriter<StreamPredictResponse> responseStream, ServerCallContext context)
    {
        Streamed.Enqueue(request);
        return request.Decoding?.Temperature < 0 ? throw RpcFailure.InvalidArgument("decoding.temperature", "must be 0, or 0.01 to 100") : responseStream.WriteAsync(new StreamPredictResponse { Answer = new TaskAnswer() });
    }
}
