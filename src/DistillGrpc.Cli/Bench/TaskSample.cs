namespace DistillGrpc.Cli.Bench;

/// <summary>
/// A task of a request: its tokens, and when messages brought them, from the load's beginning. The Student does not say how many tokens a
/// message has: they are shared out evenly among a task's messages, so that a gap before one counts for as many tokens as it brought.
/// </summary>
/// <param name="Tokens">Tokens that were written, the end-of-sequence token included.</param>
/// <param name="Messages">When they came.</param>
internal sealed record TaskSample(long Tokens, IReadOnlyList<TimeSpan> Messages)
{
    private double Each => (double)Tokens / Messages.Count;

    /// <summary>Milliseconds of each token after the first message's.</summary>
    public IEnumerable<double> FurtherMs() =>
        Messages.Zip(Messages.Skip(1)).SelectMany(pair => Enumerable.Repeat((pair.Second - pair.First).TotalMilliseconds / Each, Math.Max(1, (int)Math.Round(Each))));

    /// <summary>Tokens that had come by then.</summary>
    public double TokensBy(TimeSpan time) => Messages.Count(message => message <= time) * Each;
}
