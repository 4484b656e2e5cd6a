using DistillGrpc.Contracts.V1;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Cli.Bench;

/// <summary>What comes of one request, and when.</summary>
internal sealed class MessageLog
{
    private readonly Dictionary<PredictionTask, List<TimeSpan>> _messages = [];
    private readonly List<TaskAnswer> _answers = [];
    private TimeSpan? _first;
    private PredictionTask _last;

    /// <summary>A message has come.</summary>
    public void Add(StreamPredictResponse part, TimeSpan time)
    {
        _first ??= time;
        var task = part.Delta?.Task ?? part.Answer.Task;
        var ownDeltas = _messages.TryGetValue(task, out var known) ? known : _messages[task] = [];
        // The end-of-sequence token has no text: what brings it is the answer. Of two tasks that are written as one text, one has ended before.
        if (part.Delta is not null || ownDeltas.Count == 0 || (part.Answer.FinishReason == FinishReason.EndOfSequence && _last == task))
        {
            ownDeltas.Add(time);
        }

        _last = task;
        if (part.Answer is { } answer)
        {
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
        Tasks = [.. _answers.Where(answer => answer.Usage.OutputTokens > 0).Select(answer => new TaskSample(answer.Usage.OutputTokens, _messages[answer.Task]))],
        InputTokens = _answers.Select(answer => answer.Usage.InputTokens).DefaultIfEmpty().Max(),
        Queue = Sum(timings => timings.Queue),
        Tokenize = Sum(timings => timings.Tokenize),
        Encode = Sum(timings => timings.Encode),
        Decode = Sum(timings => timings.Decode),
    };

    private TimeSpan Sum(Func<Timings, Duration?> part) => _answers.Aggregate(TimeSpan.Zero, (sum, answer) => sum + (part(answer.Timings)?.ToTimeSpan() ?? TimeSpan.Zero));
}
