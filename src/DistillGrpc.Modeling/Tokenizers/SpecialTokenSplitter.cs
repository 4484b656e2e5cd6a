using System.Buffers;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>Finds special tokens in a text: the leftmost, and of those that start there the longest.</summary>
internal sealed class SpecialTokenSplitter
{
    private readonly Dictionary<char, SpecialToken[]> _byFirst;
    private readonly SearchValues<char> _first;

    public SpecialTokenSplitter(IEnumerable<SpecialToken> tokens)
    {
        _byFirst = tokens.GroupBy(t => t.Text[0]).ToDictionary(
            g => g.Key,
            g => g.OrderByDescending(t => t.Text.Length).ThenBy(t => t.Text, StringComparer.Ordinal).ToArray());
        _first = SearchValues.Create([.. _byFirst.Keys]);
    }

    /// <summary>Finds the first token; false when there is none.</summary>
    public bool TryFind(ReadOnlySpan<char> text, out int start, out SpecialToken token)
    {
        start = 0;
        token = default;
        while (text[start..].IndexOfAny(_first) is var skip and >= 0)
        {
            start += skip;
            foreach (var candidate in _byFirst[text[start]])
            {
                if (text[start..].StartsWith(candidate.Text, StringComparison.Ordinal))
                {
                    token = candidate;
                    return true;
                }
            }

            start++;
        }

        return false;
    }
}
