using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Decoding;
using Wire = DistillGrpc.Contracts.V1.DecodingOptions;

namespace DistillGrpc.Student.Serving.Requests;

/// <summary>How a caller wants an answer written, within bounds; what depends on the model (prefix and candidates) is still text.</summary>
/// <param name="Options">All that is numbers.</param>
/// <param name="Prefix">What the answer begins with.</param>
/// <param name="Stops">What ends it.</param>
internal sealed record DecodingSpec(DecodingOptions Options, string Prefix, IReadOnlyList<string> Stops)
{
    public const int MaxAnswers = 16;
    public const int MaxStops = 16;
    public const int MaxStopLength = 256;
    public const int MaxPrefixLength = 4096;

    /// <summary>The seed that gives the answer again; null where nothing is drawn.</summary>
    public long? Seed => Options.Temperature > 0 ? Options.Seed : null;

    /// <summary>Whether the text can be sent while it is written.</summary>
    public bool IsOneAnswer => Options is { Beams: 1, Answers: 1 };

    /// <summary>Reads and checks a message; looks at no more than its bounds allow.</summary>
    /// <param name="wire">The message, or null.</param>
    /// <param name="field">Its field, for refusals.</param>
    /// <param name="maxTokens">Most tokens of the answer.</param>
    /// <param name="top">Log-probabilities for every token.</param>
    /// <param name="maxRows">Rows that a step has.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT, with the field.</exception>
    public static DecodingSpec Read(Wire? wire, string field, int maxTokens, int top, int maxRows)
    {
        wire ??= new Wire();
        CheckNumbers(wire, Math.Min(MaxAnswers, maxRows), Require);
        CheckTexts(wire, Require);
        return new DecodingSpec(ToOptions(wire, maxTokens, top), wire.Prefix, [.. wire.Stop]);

        void Require(bool condition, string name, string message) => RpcFailure.Require(condition, $"{field}.{name}", message);
    }

    private static void CheckNumbers(Wire wire, int most, Action<bool, string, string> require)
    {
        var isSampled = wire.Temperature > 0;
        require(wire.NumBeams >= 0 && wire.NumBeams <= most, "num_beams", $"must be 0 to {most}");
        require(wire.NumAnswers >= 0 && wire.NumAnswers <= most, "num_answers", $"must be 0 to {most}");
        require(wire.NumAnswers <= Math.Max(wire.NumBeams, 1) || isSampled, "num_answers", "may be more than 1 with as many beams, or with a temperature");
        require(!wire.HasLengthPenalty || wire.LengthPenalty is >= -10 and <= 10, "length_penalty", "must be -10 to 10");
        require(wire.Temperature is 0 or (>= 0.01 and <= 100), "temperature", "must be 0, or 0.01 to 100");
        require(!isSampled || wire.NumBeams <= 1, "temperature", "must be 0 with beams: beam search does not sample");
        require(wire.TopK is >= 0 and <= 1_000_000, "top_k", "must be 0 to 1000000");
        require(wire.TopP is >= 0 and <= 1, "top_p", "must be 0 to 1");
        require(wire.MinP is >= 0 and <= 1, "min_p", "must be 0 to 1");
        require(wire.RepetitionPenalty is 0 or (>= 0.01 and <= 10), "repetition_penalty", "must be 0, or 0.01 to 10");
        require(wire.NoRepeatNgramSize is >= 0 and <= 64, "no_repeat_ngram_size", "must be 0 to 64");
    }

    private static void CheckTexts(Wire wire, Action<bool, string, string> require)
    {
        require(wire.Stop.Count <= MaxStops, "stop", $"may have {MaxStops} texts");
        require(wire.Stop.All(stop => stop.Length is >= 1 and <= MaxStopLength), "stop", $"texts must have 1 to {MaxStopLength} characters");
        require(wire.Prefix.Length <= MaxPrefixLength, "prefix", $"may have {MaxPrefixLength} characters");
    }

    private static DecodingOptions ToOptions(Wire wire, int maxTokens, int top) => new()
    {
        MaxTokens = maxTokens,
        Beams = Math.Max(wire.NumBeams, 1),
        Answers = Math.Max(wire.NumAnswers, 1),
        LengthPenalty = wire.HasLengthPenalty ? wire.LengthPenalty : 1,
        Temperature = wire.Temperature,
        TopK = wire.TopK,
        TopP = wire.TopP == 0 ? 1 : wire.TopP,
        MinP = wire.MinP,
        RepetitionPenalty = wire.RepetitionPenalty == 0 ? 1 : wire.RepetitionPenalty,
        NoRepeatNgram = wire.NoRepeatNgramSize,
        Seed = wire.HasSeed ? wire.Seed : Random.Shared.NextInt64(),
        LogProbabilities = top > 0 || wire.NumBeams > 1 || wire.NumAnswers > 1,
        TopLogProbabilities = top,
    };
}
