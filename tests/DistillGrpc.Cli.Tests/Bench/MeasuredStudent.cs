using System.Collections.Concurrent;
using DistillGrpc.Contracts.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace DistillGrpc.Cli.Tests.Bench;

/// <summary>A Student whose words have two tokens each, with three more around them; it reads 200, or as many as a test says, and ends every answer after three.</summary>
internal sealed class MeasuredStudent : InferenceService.InferenceServiceBase
{
    public const string Version = "models/measured/versions/3";
    private int _calls;

    /// <summary>Every so many calls one is refused; 0 for none.</summary>
    public int RefusesEvery { get; init; }

    /// <summary>Tokens that it reads.</summary>
    public int Reads { get; init; } = 200;

    /// <summary>Called before a stream is answered.</summary>
    public Func<Task> OnStream { get; init; } = () => Task.CompletedTask;

    public ConcurrentQueue<string> Prompts { get; } = [];

    public override Task<PredictResponse> Predict(PredictRequest request, ServerCallContext context) =>
        Task.FromResult(new PredictResponse { Model = Version, Label = Answer(request.Segments[0], 1) });

    public override async Task StreamPredict(StreamPredictRequest request, IServerStreamWriter<StreamPredictResponse> responseStream, ServerCallContext context)
    {
        Prompts.Enqueue(request.Segments[0]);
        if (RefusesEvery > 0 && Interlocked.Increment(ref _calls) % RefusesEvery == 0)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, "full"));
        }

        await OnStream();
        await responseStream.WriteAsync(new StreamPredictResponse { Delta = new AnswerDelta { Task = PredictionTask.Label, Text = "on", Tokens = 1 } });
        await responseStream.WriteAsync(new StreamPredictResponse { Answer = Answer(request.Segments[0], Math.Min(3, request.MaxOutputTokens)) });
    }

    private TaskAnswer Answer(string prompt, int tokens)
    {
        var length = (2 * prompt.Split(' ').Length) + 3;
        return new TaskAnswer
        {
            Task = PredictionTask.Label,
            Usage = new Usage { InputTokens = Math.Min(Reads, length), OutputTokens = tokens },
            FinishReason = FinishReason.EndOfSequence,
            InputTruncated = length > Reads,
            Timings = new Timings
            {
                Queue = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(1)),
                Tokenize = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(2)),
                Encode = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(3)),
                Decode = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(4)),
            },
        };
    }
}
