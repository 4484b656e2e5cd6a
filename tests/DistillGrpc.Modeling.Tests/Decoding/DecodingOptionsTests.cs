using DistillGrpc.Modeling.Decoding;

namespace DistillGrpc.Modeling.Tests.Decoding;

public sealed class DecodingOptionsTests
{
    private static readonly DecodingOptions Good = new() { MaxTokens = 10 };

    public static TheoryData<string, DecodingOptions> Wrong() => new()
    {
        { "max_tokens", Good with { MaxTokens = 0 } },
        { "max_tokens", Good with { MaxTokens = 16_385 } },
        { "max_tokens", Good with { MaxTokens = 2, Allowed = new TokenTrie([[5, 6, 1]]) } },
        { "beams", Good with { Beams = 0 } },
        { "beams", Good with { Beams = 65 } },
        { "answers", Good with { Answers = 0 } },
        { "answers", Good with { Answers = 2 } },
        { "answers", Good with { Answers = 65, Temperature = 1 } },
        { "length_penalty", Good with { LengthPenalty = double.NaN } },
        { "temperature", Good with { Temperature = -0.1 } },
        { "temperature", Good with { Temperature = double.NaN } },
        { "temperature", Good with { Temperature = double.PositiveInfinity } },
        { "temperature", Good with { Temperature = 1, Beams = 2 } },
        { "top_k", Good with { TopK = -1 } },
        { "top_p", Good with { TopP = 0 } },
        { "top_p", Good with { TopP = double.NaN } },
        { "min_p", Good with { MinP = 1.1 } },
        { "repetition_penalty", Good with { RepetitionPenalty = 0 } },
        { "no_repeat_ngram", Good with { NoRepeatNgram = -1 } },
        { "no_repeat_ngram", Good with { NoRepeatNgram = 2, Allowed = new TokenTrie([[5, 1]]) } },
        { "prefix", Good with { Prefix = new int[1025] } },
        { "prefix", Good with { Prefix = [20] } },
        { "prefix", Good with { Prefix = [-1] } },
        { "top_log_probabilities", Good with { TopLogProbabilities = 101 } },
        { "allowed", Good with { Allowed = new TokenTrie([[5, 2]]) } },
        { "allowed", Good with { Allowed = new TokenTrie([[20, 1]]) } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Generation_WrongOption_NamesItAndStartsNothing(string field, DecodingOptions options)
    {
        using var engine = ScriptedEngine.Random(20, 0);
        using var encoding = engine.Encode([[1]])[0];

        Assert.Equal(field, Assert.Throws<ArgumentException>(() => new Generation(engine, encoding, options)).ParamName);
        Assert.Equal(0, engine.Live);
    }

    [Fact]
    public void Validate_EdgesOfEveryRange_AreGood()
    {
        Good.Validate();
        (Good with { MaxTokens = 16_384, Beams = 64, Answers = 64, LengthPenalty = -10, TopLogProbabilities = 100, Prefix = new int[1024] }).Validate();
        (Good with { Temperature = 100, Answers = 64, TopK = int.MaxValue, TopP = double.Epsilon, MinP = 1, RepetitionPenalty = 10, NoRepeatNgram = 64 }).Validate();
    }
}
