using DistillGrpc.Contracts.V1;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Cli.Bench;

/// <summary>What comes of one request, and when.</summary>
internal sealed class MessageLog
{
    private readonly Dictionary<PredictionTask, List<TokenMessage>> _messages = [];
    private readonly List<TaskAnswer> _answers = [];
    private TimeSpan? _first;

    /// <summary>A message has come.</summary>
    public void Add(StreamPredictResponse part, TimeSpan time)
    {
        _first ??= time;
        if (part.Delta is { } delta)
        {
            Add(delta.Task, delta.Tokens, time);
        }
        else if (part.Answer is { } answer)
        {
            // Its deltas' are not all: an end-of-sequence token has no text, and may come with the answer alone.
            Add(answer.Task, answer.Usage.OutputTokens - MessagesOf(answer.Task).Sum(message => message.Tokens), time);
            _answers.Add(answer);
        }
    }

    /// <summary>Sums up. With both tasks the times are of both; they read one input.</summary>
    public RequestSample Sample(TimeSpan due, TimeSpan began, TimeSpan ended) => new()
    {
        Due = due,
        Began = began,
        First = _first ?? ended,
        Ended = ended,
        Tasks = [.. _answers.Where(answer => answer.Usage.OutputTokens > 0).Select(answer => new TaskSample(MessagesOf(answer.Task)))],
        InputTokens = _answers.Select(answer => answer.Usage.InputTokens).DefaultIfEmpty().Max(),
        Queue = Sum(timings => timings.Queue),
        Tokenize = Sum(timings => timings.Tokenize),
        Encode = Sum(timings => timings.Encode),
        Decode = Sum(timings => timings.Decode),
    };

    private void Add(PredictionTask task, long tokens, TimeSpan time)
    {
        if (tokens > 0)
        {
            MessagesOf(task).Add(new TokenMessage(time, tokens));
        }
    }

    private List<TokenMessage> MessagesOf(PredictionTask task) => _messages.TryGetValue(task, out var known) ? known : _messages[task] = [];

    private TimeSpan Sum(Func<Timings, Duration?> part) => _answers.Aggregate(TimeSpan.Zero, (sum, answer) => sum + (part(answer.Timings)?.ToTimeSpan() ?? TimeSpan.Zero));
}
