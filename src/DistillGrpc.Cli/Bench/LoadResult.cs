using Grpc.Core;

namespace DistillGrpc.Cli.Bench;

/// <summary>What came of a load. Times are in milliseconds, and of the requests that were answered.</summary>
internal sealed record LoadResult
{
    public required int Concurrency { get; init; }

    public required double? Rate { get; init; }

    public required bool Together { get; init; }

    /// <summary>Requests that were answered.</summary>
    public required int Answered { get; init; }

    /// <summary>Requests that failed.</summary>
    public required int Failed { get; init; }

    /// <summary>How many failed with which status.</summary>
    public required IReadOnlyDictionary<string, int> Errors { get; init; }

    /// <summary>What the rates are of: the time in which requests begin, or where their number was given, from the load's beginning to the last one's end.</summary>
    public required double Seconds { get; init; }

    /// <summary>Requests that were answered in that time; later ones were under way when it was over.</summary>
    public required int AnsweredInTime { get; init; }

    public required double RequestsPerSecond { get; init; }

    /// <summary>Tokens that came in that time, of requests that were answered.</summary>
    public required double OutputTokensPerSecond { get; init; }

    /// <summary>With a rate: requests that were sent in a second, up to the last one.</summary>
    public required double? SentPerSecond { get; init; }

    /// <summary>With a rate: how much later than due a request was sent. It counts as waiting.</summary>
    public required Distribution? LateMs { get; init; }

    public required Distribution? InputTokens { get; init; }

    public required Distribution? OutputTokens { get; init; }

    /// <summary>Until the first message. With a rate this and the whole request count from when it was due.</summary>
    public required Distribution? FirstTokenMs { get; init; }

    /// <summary>For each token of a task after its first message's; those that come together share their time.</summary>
    public required Distribution? FurtherTokenMs { get; init; }

    /// <summary>Until the call was over.</summary>
    public required Distribution? RequestMs { get; init; }

    /// <summary>Of those that began together: until the last of them had its first message.</summary>
    public required Distribution? AllBegunMs { get; init; }

    /// <summary>Of those that began together: until all were answered.</summary>
    public required Distribution? AllAnsweredMs { get; init; }

    /// <summary>What the Student says of it: waiting.</summary>
    public required Distribution? QueueMs { get; init; }

    /// <summary>What the Student says of it: making tokens of the input.</summary>
    public required Distribution? TokenizeMs { get; init; }

    /// <summary>What the Student says of it: reading the input.</summary>
    public required Distribution? EncodeMs { get; init; }

    /// <summary>What the Student says of it: writing the answer.</summary>
    public required Distribution? DecodeMs { get; init; }

    /// <summary>Sums up.</summary>
    /// <param name="load">The load.</param>
    /// <param name="samples">Its requests.</param>
    /// <param name="waves">Those that began together, as many as were to.</param>
    /// <param name="time">What the rates are of.</param>
    public static LoadResult Of(Load load, IReadOnlyList<RequestSample> samples, IReadOnlyList<RequestSample[]> waves, TimeSpan time)
    {
        var answered = samples.Where(sample => sample.Failure is null).ToArray();
        var (inTime, tokens) = (answered.Count(sample => sample.Ended <= time), answered.Sum(sample => sample.Tasks.Sum(task => task.TokensBy(time))));
        var whole = waves.Where(wave => Array.TrueForAll(wave, sample => sample.Failure is null)).ToArray();
        Distribution? Spread(Func<RequestSample, double> value) => Distribution.Of(answered.Select(value));
        return new LoadResult
        {
            Concurrency = load.Concurrency,
            Rate = load.Rate,
            Together = load.Together,
            Answered = answered.Length,
            Failed = samples.Count - answered.Length,
            Errors = samples.Select(sample => sample.Failure).OfType<StatusCode>().GroupBy(status => $"{status}").OrderBy(group => group.Key, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Count()),
            Seconds = time.TotalSeconds,
            AnsweredInTime = inTime,
            RequestsPerSecond = inTime / time.TotalSeconds,
            OutputTokensPerSecond = tokens / time.TotalSeconds,
            SentPerSecond = load.Rate is null || samples.Count == 0 ? null : samples.Count / samples.Max(sample => sample.Began).TotalSeconds,
            LateMs = load.Rate is null ? null : Distribution.Of(samples.Select(sample => sample.LateMs)),
            InputTokens = Spread(sample => sample.InputTokens),
            OutputTokens = Spread(sample => sample.OutputTokens),
            FirstTokenMs = Spread(sample => sample.FirstMs),
            FurtherTokenMs = Distribution.Of(answered.SelectMany(sample => sample.Tasks).SelectMany(task => task.FurtherMs())),
            RequestMs = Spread(sample => sample.WholeMs),
            AllBegunMs = Distribution.Of(whole.Select(wave => wave.Max(sample => sample.FirstMs))),
            AllAnsweredMs = Distribution.Of(whole.Select(wave => wave.Max(sample => sample.WholeMs))),
            QueueMs = Spread(sample => sample.Queue.TotalMilliseconds),
            TokenizeMs = Spread(sample => sample.Tokenize.TotalMilliseconds),
            EncodeMs = Spread(sample => sample.Encode.TotalMilliseconds),
            DecodeMs = Spread(sample => sample.Decode.TotalMilliseconds),
        };
    }
}
