using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Cli.Bench;

/// <summary>One request, as its caller saw it, and what the Student said of it. Times count from its load's beginning.</summary>
internal sealed record RequestSample
{
    /// <summary>When it was to be sent: of a load with a rate its arrival, however late it was sent. What is measured counts from here.</summary>
    public required TimeSpan Due { get; init; }

    /// <summary>When it was sent.</summary>
    public required TimeSpan Began { get; init; }

    /// <summary>When its first message came: a delta, or the answer where no token gave any text.</summary>
    public required TimeSpan First { get; init; }

    /// <summary>When the call was over.</summary>
    public required TimeSpan Ended { get; init; }

    /// <summary>Why it failed, or null.</summary>
    public StatusCode? Failure { get; init; }

    /// <summary>Its tasks, those with any tokens.</summary>
    public IReadOnlyList<TaskSample> Tasks { get; init; } = [];

    public long InputTokens { get; init; }

    public TimeSpan Queue { get; init; }

    public TimeSpan Tokenize { get; init; }

    public TimeSpan Encode { get; init; }

    public TimeSpan Decode { get; init; }

    /// <summary>Milliseconds that it was sent late.</summary>
    public double LateMs => (Began - Due).TotalMilliseconds;

    /// <summary>Milliseconds until the first message.</summary>
    public double FirstMs => (First - Due).TotalMilliseconds;

    /// <summary>Milliseconds until the call was over.</summary>
    public double WholeMs => (Ended - Due).TotalMilliseconds;

    public long OutputTokens => Tasks.Sum(task => task.Tokens);

    /// <summary>Asks.</summary>
    /// <param name="student">Who is asked.</param>
    /// <param name="request">What.</param>
    /// <param name="now">The time since the load's beginning.</param>
    /// <param name="due">When it was to be sent; null for now.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    public static async Task<RequestSample> AskAsync(InferenceClient student, StreamPredictRequest request, Func<TimeSpan> now, TimeSpan? due, CancellationToken cancellationToken)
    {
        var (began, messages, failure) = (now(), new MessageLog(), (StatusCode?)null);
        try
        {
            await foreach (var part in student.StreamPredictAsync(request, cancellationToken))
            {
                messages.Add(part, now());
            }
        }
        catch (RpcException failed)
        {
            cancellationToken.ThrowIfCancellationRequested();
            failure = failed.StatusCode;
        }

        return messages.Sample(due is { } time && time < began ? time : began, began, now()) with { Failure = failure };
    }
}
