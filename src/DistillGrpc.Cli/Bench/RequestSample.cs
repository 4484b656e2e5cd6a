using System.Diagnostics;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace DistillGrpc.Cli.Bench;

/// <summary>One request, as its caller saw it, and what the Student said of it.</summary>
internal sealed class RequestSample
{
    private readonly long _began = Stopwatch.GetTimestamp();
    private long _first;
    private long _last;

    /// <summary>Why it failed, or null.</summary>
    public StatusCode? Failure { get; private set; }

    public long InputTokens { get; private set; }

    public long OutputTokens { get; private set; }

    public TimeSpan Queue { get; private set; }

    public TimeSpan Tokenize { get; private set; }

    public TimeSpan Encode { get; private set; }

    public TimeSpan Decode { get; private set; }

    /// <summary>Milliseconds until the first message: a delta, or the answer where no token gave any text.</summary>
    public double FirstMs => Stopwatch.GetElapsedTime(_began, _first).TotalMilliseconds;

    /// <summary>Milliseconds until the call was over.</summary>
    public double WholeMs => Stopwatch.GetElapsedTime(_began, _last).TotalMilliseconds;

    /// <summary>Milliseconds for each token after the first message; null where there is only one.</summary>
    public double? FurtherMs => OutputTokens > 1 ? Stopwatch.GetElapsedTime(_first, _last).TotalMilliseconds / (OutputTokens - 1) : null;

    /// <summary>Asks.</summary>
    public static async Task<RequestSample> AskAsync(InferenceClient student, StreamPredictRequest request, CancellationToken cancellationToken)
    {
        var sample = new RequestSample();
        try
        {
            await foreach (var part in student.StreamPredictAsync(request, cancellationToken))
            {
                sample._first = sample._first == 0 ? Stopwatch.GetTimestamp() : sample._first;
                sample.Take(part.Answer);
            }
        }
        catch (RpcException failed)
        {
            cancellationToken.ThrowIfCancellationRequested();
            sample.Failure = failed.StatusCode;
        }

        sample._last = Stopwatch.GetTimestamp();
        return sample;
    }

    // With both tasks the times of both; they read one input.
    private void Take(TaskAnswer? answer)
    {
        if (answer is not null)
        {
            (InputTokens, OutputTokens) = (Math.Max(InputTokens, answer.Usage.InputTokens), OutputTokens + answer.Usage.OutputTokens);
            (Queue, Tokenize) = (Queue + Span(answer.Timings.Queue), Tokenize + Span(answer.Timings.Tokenize));
            (Encode, Decode) = (Encode + Span(answer.Timings.Encode), Decode + Span(answer.Timings.Decode));
        }
    }

    private static TimeSpan Span(Duration? duration) => duration?.ToTimeSpan() ?? TimeSpan.Zero;
}
