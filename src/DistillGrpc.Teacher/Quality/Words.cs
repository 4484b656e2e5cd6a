using System.Globalization;
using System.Text;

namespace DistillGrpc.Teacher.Quality;

/// <summary>A text as its words: letters and digits, in small letters. Without ICU, texts are compared as they are composed.</summary>
internal static class Words
{
    /// <summary>The words.</summary>
    /// <param name="text">The text.</param>
    /// <param name="withSigns">Signs such as + or % are words, too; punctuation is none.</param>
    public static List<string> Of(string text, bool withSigns = false)
    {
        var (words, word) = (new List<string>(), new StringBuilder());
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.IsLetterOrDigit(rune) || (word.Length > 0 && Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark))
            {
                word.Append(Rune.ToLowerInvariant(rune));
                continue;
            }

            End();
            if (withSigns && (Rune.IsSymbol(rune) || rune.Value is '-' or '*' or '/' or '%'))
            {
                words.Add(rune.ToString());
            }
        }

        End();
        return words;

        void End()
        {
            if (word.Length > 0)
            {
                words.Add(word.ToString());
                word.Clear();
            }
        }
    }

    /// <summary>Whether words stand in a text one after another.</summary>
    public static bool Contain(List<string> text, List<string> words) =>
        words.Count > 0 && Enumerable.Range(0, Math.Max(0, text.Count - words.Count + 1)).Any(at => text.Skip(at).Take(words.Count).SequenceEqual(words));
}
