using System.Text;
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

    // A million of the currency for one call is an error somewhere, and thousands of such still add up.
    private const long Most = 1_000_000_000_000_000;

    // No model reads or writes as many in one call.
    private const long MostTokens = 100_000_000;

    /// <summary>Whether anything is to be paid.</summary>
    public bool IsFree => InputNanos == 0 && OutputNanos == 0;

    /// <summary>From a price for a million tokens, as price lists have it.</summary>
    public static Price PerMillion(decimal input, decimal output) => new((long)Math.Ceiling(input * 1000), (long)Math.Ceiling(output * 1000));

    /// <summary>The cost of counted tokens; a million of the currency at most.</summary>
    public long Of(Usage usage) => (long)Int128.Min(Most, ((Int128)usage.InputTokens * InputNanos) + ((Int128)usage.OutputTokens * OutputNanos));

    /// <summary>
    /// What a whole answer used: as the backend has counted, or an estimate on the high side where it has counted nothing, below
    /// nothing or beyond belief. A budget would never end otherwise.
    /// </summary>
    /// <param name="counted">What the backend says.</param>
    /// <param name="inputBytes">UTF-8 bytes of the turns.</param>
    /// <param name="turns">How many there are.</param>
    /// <param name="text">The answer.</param>
    /// <param name="maxOutputTokens">Most tokens that it could have.</param>
    /// <param name="isCut">It ends because it has so many, of which some may not show in the text.</param>
    public static Usage Counted(Usage counted, long inputBytes, int turns, string text, int maxOutputTokens, bool isCut) =>
        counted is { InputTokens: > 0 and <= MostTokens, OutputTokens: >= 0 and <= MostTokens } && (counted.OutputTokens > 0 || text.Length == 0)
            ? counted
            : new Usage
            {
                InputTokens = TokensAtMost(inputBytes, turns),
                OutputTokens = isCut ? maxOutputTokens : Math.Min(maxOutputTokens, (Encoding.UTF8.GetByteCount(text) + BytesPerToken - 1) / BytesPerToken),
                Estimated = true,
            };

    /// <summary>Tokens that are read at most, nearly always.</summary>
    public static long TokensAtMost(long inputBytes, int turns) => (inputBytes / BytesPerToken) + (turns * TokensPerTurn);

    /// <summary>Tokens that are likely read: English text gives about one for four bytes.</summary>
    public static long LikelyTokens(long inputBytes, int turns) => (inputBytes / LikelyBytesPerToken) + (turns * TokensPerTurn / 4);

    /// <summary>What a call may cost at most, nearly always: its turns are estimated on the high side.</summary>
    public long AtMost(long inputBytes, int turns, int maxOutputTokens) => Of(new Usage { InputTokens = TokensAtMost(inputBytes, turns), OutputTokens = maxOutputTokens });
}
