using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Examples;

/// <summary>The positions of a teacher's label among those of all that it wrote.</summary>
public static class LabelTokens
{
    /// <summary>
    /// A student gives the positions of its label alone. Any other teacher gives those of its whole text, in which the label stands after
    /// the rationale: none where it is not there.
    /// </summary>
    /// <param name="tokens">The positions, of each the token that was written first.</param>
    /// <param name="label">The label.</param>
    /// <param name="rationale">The rationale.</param>
    public static IReadOnlyList<TokenPosition> Of(IReadOnlyList<TokenPosition> tokens, string label, string rationale)
    {
        ArgumentNullException.ThrowIfNull(label);
        ArgumentNullException.ThrowIfNull(rationale);
        var text = string.Concat(tokens.Select(Written));
        var reasons = rationale.Length > 0 && text.Length > label.Length + rationale.Length ? text.IndexOf(rationale, StringComparison.Ordinal) : -1;
        if (reasons < 0)
        {
            return tokens;
        }

        var begin = label.Length > 0 ? text.IndexOf(label, reasons + rationale.Length, StringComparison.OrdinalIgnoreCase) : -1;
        return begin < 0 ? [] : Within(tokens, begin, begin + label.Length);
    }

    private static string Written(TokenPosition position) => position.Tokens.Count > 0 ? position.Tokens[0].Token : "";

    // The tokens that hold a character of a range.
    private static List<TokenPosition> Within(IReadOnlyList<TokenPosition> tokens, int begin, int end)
    {
        var (at, within) = (0, new List<TokenPosition>());
        foreach (var position in tokens)
        {
            var next = at + Written(position).Length;
            if (next > begin && at < end)
            {
                within.Add(position);
            }

            at = next;
        }

        return within;
    }
}
