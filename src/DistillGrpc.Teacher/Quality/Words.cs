using System.Text;

namespace DistillGrpc.Teacher.Quality;

/// <summary>A text as its words: letters and digits, in small letters.</summary>
internal static class Words
{
    public static List<string> Of(string text)
    {
        var (words, word) = (new List<string>(), new StringBuilder());
        foreach (var rune in text.Normalize(NormalizationForm.FormKC).EnumerateRunes())
        {
            if (Rune.IsLetterOrDigit(rune) || (word.Length > 0 && Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.NonSpacingMark or System.Globalization.UnicodeCategory.SpacingCombiningMark))
            {
                word.Append(Rune.ToLowerInvariant(rune));
            }
            else if (word.Length > 0)
            {
                words.Add(word.ToString());
                word.Clear();
            }
        }

        if (word.Length > 0)
        {
            words.Add(word.ToString());
        }

        return words;
    }

    /// <summary>Whether words stand in a text one after another.</summary>
    public static bool Contain(List<string> text, List<string> words) =>
        words.Count > 0 && Enumerable.Range(0, Math.Max(0, text.Count - words.Count + 1)).Any(at => text.Skip(at).Take(words.Count).SequenceEqual(words));
}
