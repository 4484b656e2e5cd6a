using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Spending;

/// <summary>What tokens cost, in billionths of the teacher's currency.</summary>
/// <param name="InputNanos">A token that is read.</param>
/// <param name="OutputNanos">A token that is written.</param>
internal readonly record struct Price(long InputNanos, long OutputNanos)
{
    // No vocabulary gives more tokens than a text has bytes; one gives about a third of that, and a turn costs a few more.
    private const int BytesPerToken = 2;
    private const int LikelyBytesPerToken = 4;
    private const int TokensPerTurn = 16;

    /// <summary>Whether anything is to be paid.</summary>
    public bool IsFree => InputNanos == 0 && OutputNanos == 0;

    /// <summary>From a price for a million tokens, as price lists have it.</summary>
    public static Price PerMillion(decimal input, decimal output) => new((long)Math.Ceiling(input * 1000), (long)Math.Ceiling(output * 1000));

    /// <summary>The cost of counted tokens.</summary>
    public long Of(Usage usage) => (usage.InputTokens * InputNanos) + (usage.OutputTokens * OutputNanos);

    /// <summary>Tokens that are read at most, nearly always.</summary>
    public static long TokensAtMost(long inputBytes, int turns) => (inputBytes / BytesPerToken) + (turns * TokensPerTurn);

    /// <summary>Tokens that are likely read: English text gives about one for four bytes.</summary>
    public static long LikelyTokens(long inputBytes, int turns) => (inputBytes / LikelyBytesPerToken) + (turns * TokensPerTurn / 4);

    /// <summary>What a call may cost at most, nearly always: its turns are estimated on the high side.</summary>
    public long AtMost(long inputBytes, int turns, int maxOutputTokens) => Of(new Usage { InputTokens = TokensAtMost(inputBytes, turns), OutputTokens = maxOutputTokens });
}
