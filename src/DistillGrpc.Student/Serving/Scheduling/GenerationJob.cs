using DistillGrpc.Modeling.Decoding;

namespace DistillGrpc.Student.Serving.Scheduling;

/// <summary>An answer, or several to one input, on the way through a model's scheduler.</summary>
internal sealed class GenerationJob
{
    private volatile bool _isStopped;
    private int _fed;
    private long _fedAt;

    /// <summary>A job.</summary>
    /// <param name="input">Token ids that the encoder reads; not looked at where <paramref name="reading"/> is read already.</param>
    /// <param name="reading">What comes, or came, of reading it.</param>
    /// <param name="decoding">How to write.</param>
    /// <param name="wantsTokens">Whether tokens are fed as they come.</param>
    public GenerationJob(int[] input, Reading reading, DecodingOptions decoding, bool wantsTokens)
    {
        (Input, Reading, Decoding, WantsTokens) = (input, reading, decoding, wantsTokens);
        Feed = new TokenFeed(wantsTokens ? decoding.MaxTokens : 0);
    }

    public int[] Input { get; }

    public Reading Reading { get; }

    public DecodingOptions Decoding { get; }

    public bool WantsTokens { get; }

    public required Caller Caller { get; init; }

    /// <summary>It goes on with a request that has been taken before: it is not refused, and goes before those that have not.</summary>
    public bool IsContinuation { get; init; }

    /// <summary>The tokens, and how it ended.</summary>
    public TokenFeed Feed { get; }

    /// <summary>Rows that it may have in a step.</summary>
    public int Rows => Decoding.Rows;

    /// <summary>Tokens that its memory has room for.</summary>
    public long ContextTokens => Input.Length + Decoding.SequenceTokens;

    /// <summary>What was written, once <see cref="Feed"/> has ended without a failure.</summary>
    public IReadOnlyList<GeneratedAnswer> Answers { get; private set; } = [];

    /// <summary>What was weighed instead, with <see cref="DecodingOptions.ChoiceRows"/>.</summary>
    public ChoiceLogits? Choices { get; private set; }

    /// <summary>Time in the queue.</summary>
    public TimeSpan Queued { get; set; }

    /// <summary>Time of the encoder's pass.</summary>
    public TimeSpan Encoded { get; set; }

    /// <summary>Time from then on.</summary>
    public TimeSpan Decoded { get; set; }

    /// <summary>Tokens that come fast are fed several at once: to wake the reader for each costs more than a small step.</summary>
    public bool IsGathered { get; init; }

    /// <summary>When its request's first job came into the queue; 0 for that one itself.</summary>
    public long RequestSince { get; init; }

    // The scheduler's own.
    internal long Since { get; set; }

    internal Generation? Generation { get; set; }

    /// <summary>Enough is written: it ends with what there is, within a step.</summary>
    public void Stop() => _isStopped = true;

    /// <summary>Whether enough is written.</summary>
    internal bool IsStopped => _isStopped;

    /// <summary>Ends the feed at once when the caller goes: nobody waits for the model's thread to see it.</summary>
    public CancellationTokenRegistration EndWithCaller() =>
        Caller.CancellationToken.UnsafeRegister(static (job, token) => ((GenerationJob)job!).Feed.End(new OperationCanceledException(token)), this);

    /// <summary>Feeds the tokens that have come since; where they are gathered the first at once, and others after an interval.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="interval">The interval; 0: nothing is held back.</param>
    internal void FeedTokens(TimeProvider time, TimeSpan interval)
    {
        var isHeld = IsGathered && _fed > 0 && interval > TimeSpan.Zero && time.GetElapsedTime(_fedAt) < interval;
        if (!WantsTokens || isHeld || _fed == Generation!.Tokens.Count)
        {
            return;
        }

        _fedAt = time.GetTimestamp();
        FeedAll();
    }

    /// <summary>It is over, with what was written.</summary>
    internal void Complete()
    {
        var generation = Generation!;
        Answers = generation.IsDone ? generation.Answers : [Partial(generation)];
        Choices = Decoding.ChoiceRows > 0 ? generation.Choices : null;
        FeedAll();
        End(null);
    }

    /// <summary>It is over; what was written until then is told.</summary>
    internal void Fail(Exception failure)
    {
        FeedAll();
        End(failure);
    }

    private void FeedAll()
    {
        while (WantsTokens && _fed < Generation?.Tokens.Count)
        {
            Feed.Add(Generation.Tokens[_fed++]);
        }
    }

    // Whoever waits is told, whatever becomes of the memory.
    private void End(Exception? failure)
    {
        try
        {
            Generation?.Dispose();
        }
        finally
        {
            Feed.End(failure);
        }
    }

    // What a stop text has ended: only ever the one answer.
    private static GeneratedAnswer Partial(Generation generation) => new(
        [.. generation.Tokens],
        generation.LogProbabilities.Count > 0 ? generation.LogProbabilities.Sum(value => (double)value) : double.NaN,
        [.. generation.LogProbabilities],
        [.. generation.TopLogProbabilities],
        HasEnded: false);
}
