namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>
/// Builds a model's input from a task prefix and text segments, as Hugging Face's T5Tokenizer does for one text or a
/// pair: every segment ends with the end-of-sequence id.
/// </summary>
public static class InputEncoder
{
    /// <summary>Characters of text that are tokenised for each id asked for; the rest is cut off before it costs anything.</summary>
    private const int CharactersPerId = 64;

    /// <summary>Encodes the prefix and the segments, cut to a length.</summary>
    /// <param name="t">The tokenizer.</param>
    /// <param name="prefix">Text put in front of the first segment, such as <c>"[label] "</c>; may be empty.</param>
    /// <param name="segments">The text in one or more parts; none counts as one empty segment.</param>
    /// <param name="maxLength">
    /// Most ids to return, at least 1. A longer input loses its end but keeps the final end-of-sequence id. Only the
    /// first <c>64 * maxLength</c> characters of prefix and segments are tokenised at all.
    /// </param>
    /// <param name="parseSpecialTokens">As in <see cref="ITokenizer.Encode"/>; off for text that a user sent.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxLength"/> is below 1.</exception>
    public static EncodedInput Encode(
        ITokenizer t, string prefix, IReadOnlyList<string> segments, int maxLength, bool parseSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(t);
        ArgumentNullException.ThrowIfNull(prefix);
        ArgumentNullException.ThrowIfNull(segments);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLength, 1);

        var budget = (long)maxLength * CharactersPerId;
        var ids = new List<int>(Math.Min(maxLength, 1024));
        var cut = false;
        for (var s = 0; s < Math.Max(segments.Count, 1) && !cut; s++)
        {
            var text = Join(s == 0 ? prefix : "", s < segments.Count ? segments[s] : "", budget, out cut);
            // An empty segment costs one character, or a million of them would cost memory without limit.
            budget -= Math.Max(text.Length, 1);
            cut |= budget <= 0 && s + 1 < segments.Count;
            AppendSegment(ids, t, text, parseSpecialTokens);
        }

        var length = ids.Count;
        if (length <= maxLength)
        {
            return new EncodedInput([.. ids], length, cut);
        }

        ids.RemoveRange(maxLength, length - maxLength);
        ids[^1] = t.EosId;
        return new EncodedInput([.. ids], length, truncated: true);
    }

    /// <summary>
    /// As <see cref="Encode"/> of all the segments, but what is cut off is the end of what stands before the last one: a label or a
    /// rationale that is read with an input is kept, up to half of the length.
    /// </summary>
    /// <param name="t">The tokenizer.</param>
    /// <param name="prefix">What stands in front of the first segment.</param>
    /// <param name="segments">The segments before the last one.</param>
    /// <param name="last">The last segment.</param>
    /// <param name="maxLength">Most ids to return, at least 2.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxLength"/> is below 2.</exception>
    public static EncodedInput EncodeKeepingLast(ITokenizer t, string prefix, IReadOnlyList<string> segments, string last, int maxLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLength, 2);
        var kept = Encode(t, "", [last], maxLength / 2);
        var before = Encode(t, prefix, segments, maxLength - kept.Ids.Length);
        return new EncodedInput([.. before.Ids, .. kept.Ids], before.OriginalLength + kept.OriginalLength, before.Truncated || kept.Truncated);
    }

    /// <summary>A text of two parts as ids, told apart by a separator; where there is no room the first part loses its end.</summary>
    /// <param name="first">Ids of the first part.</param>
    /// <param name="separator">Ids of the separator.</param>
    /// <param name="last">The last part, with its end-of-sequence id.</param>
    /// <param name="maxLength">Most ids; separator and last part are whole in any case.</param>
    public static EncodedInput Join(ReadOnlySpan<int> first, ReadOnlySpan<int> separator, EncodedInput last, int maxLength)
    {
        var kept = Math.Clamp(maxLength - separator.Length - last.Ids.Length, 0, first.Length);
        return new EncodedInput([.. first[..kept], .. separator, .. last.Ids], first.Length + separator.Length + last.OriginalLength, last.Truncated || kept < first.Length);
    }

    private static void AppendSegment(List<int> ids, ITokenizer t, string text, bool parseSpecialTokens)
    {
        var segment = t.Encode(text, parseSpecialTokens);
        ids.AddRange(segment);
        // Hugging Face's _add_eos_if_not_present: a parsed </s> at the end is not doubled.
        if (segment.Length == 0 || segment[^1] != t.EosId)
        {
            ids.Add(t.EosId);
        }
    }

    private static string Join(string prefix, string segment, long budget, out bool cut)
    {
        cut = (long)prefix.Length + segment.Length > budget;
        if (!cut)
        {
            return prefix + segment;
        }

        var fromPrefix = (int)Math.Min(prefix.Length, budget);
        var fromSegment = (int)(budget - fromPrefix);
        // Half a surrogate pair would read as U+FFFD, a character that is not in the text.
        if (fromSegment > 0 && char.IsHighSurrogate(segment[fromSegment - 1]))
        {
            fromSegment--;
        }

        return string.Concat(prefix.AsSpan(0, fromPrefix), segment.AsSpan(0, fromSegment));
    }
}
