namespace DistillGrpc.Cli.Bench;

/// <summary>Tokens that a message has brought, and when, from the load's beginning.</summary>
internal readonly record struct TokenMessage(TimeSpan Time, long Tokens);

/// <summary>A task of a request: the messages that brought its tokens, the end-of-sequence token included.</summary>
/// <param name="Messages">Them, in their order; each has a token at least.</param>
internal sealed record TaskSample(IReadOnlyList<TokenMessage> Messages)
{
    /// <summary>Tokens that were written.</summary>
    public long Tokens => Messages.Sum(message => message.Tokens);

    /// <summary>Milliseconds of each token after the first message's: those that come together share the time since the message before.</summary>
    public IEnumerable<double> FurtherMs() =>
        Messages.Zip(Messages.Skip(1)).SelectMany(pair => Enumerable.Repeat((pair.Second.Time - pair.First.Time).TotalMilliseconds / pair.Second.Tokens, (int)pair.Second.Tokens));

    /// <summary>Tokens that had come by then.</summary>
    public long TokensBy(TimeSpan time) => Messages.Where(message => message.Time <= time).Sum(message => message.Tokens);
}
