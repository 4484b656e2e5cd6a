using System.Text;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>
/// Prepares text as SentencePiece's <c>Normalizer::Normalize</c> does: the longest rule of the character map at each
/// place, spaces trimmed and collapsed, one space in front, and U+2581 for every space. User-defined pieces pass unchanged.
/// </summary>
internal sealed class SentencePieceNormalizer(NormalizerRules rules, DoubleArrayTrie? userDefined)
{
    private static ReadOnlySpan<byte> Mark => "\u2581"u8;

    /// <summary>Appends the prepared text to a buffer.</summary>
    /// <param name="text">UTF-8, well formed.</param>
    /// <param name="output">Where to append.</param>
    public void Normalize(ReadOnlySpan<byte> text, ref ByteBuffer output)
    {
        var trim = rules.RemoveExtraWhitespaces;
        while (trim && !text.IsEmpty)
        {
            var consumed = Prefix(text, out var leading);
            if (!leading.SequenceEqual(" "u8))
            {
                break;
            }

            text = text[consumed..];
        }

        if (text.IsEmpty)
        {
            return;
        }

        if (rules.AddDummyPrefix)
        {
            output.Add(Mark);
        }

        var afterSpace = trim;
        while (!text.IsEmpty)
        {
            var consumed = Prefix(text, out var next);
            text = text[consumed..];
            afterSpace = Append(next, afterSpace, ref output) && trim;
        }

        while (trim && output.Written.EndsWith(Mark))
        {
            output.RemoveLast(Mark.Length);
        }
    }

    private static bool Append(ReadOnlySpan<byte> next, bool afterSpace, ref ByteBuffer output)
    {
        if (afterSpace)
        {
            next = next.TrimStart((byte)' ');
        }

        if (next.IsEmpty)
        {
            return afterSpace;
        }

        var endsInSpace = next[^1] == ' ';
        while (next.IndexOf((byte)' ') is var space and >= 0)
        {
            output.Add(next[..space]);
            output.Add(Mark);
            next = next[(space + 1)..];
        }

        output.Add(next);
        return endsInSpace;
    }

    /// <summary>What the start of the text becomes, and how many bytes of it that takes.</summary>
    private int Prefix(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> result)
    {
        if (userDefined is not null && LongestKey(userDefined, text) is var kept and > 0)
        {
            result = text[..kept];
            return kept;
        }

        if (rules.Map is not null && rules.Map.Match(text, out result) is var mapped and > 0)
        {
            return mapped;
        }

        // Well-formed UTF-8: the encoder that made these bytes has replaced lone surrogates.
        Rune.DecodeFromUtf8(text, out _, out var length);
        result = text[..length];
        return length;
    }

    private static int LongestKey(DoubleArrayTrie trie, ReadOnlySpan<byte> text)
    {
        var position = trie.Root;
        var longest = 0;
        for (var i = 0; i < text.Length && position != DoubleArrayTrie.None; i++)
        {
            position = trie.Step(position, text[i], out var value);
            longest = value >= 0 ? i + 1 : longest;
        }

        return longest;
    }
}
