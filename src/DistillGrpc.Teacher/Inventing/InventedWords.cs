using System.Globalization;
using System.Text;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Inventing;

/// <summary>The words of a text, whatever their case, their spacing and the punctuation between them: what has the same is the same input.</summary>
internal static class InventedWords
{
    /// <summary>The words of all segments.</summary>
    public static string Of(Example input) => string.Join('\n', input.Segments.Select(Of));

    /// <summary>The words, with one space between them; empty where there are none.</summary>
    public static string Of(string text)
    {
        var words = new StringBuilder(text.Length);
        var isApart = false;
        foreach (var rune in text.EnumerateRunes())
        {
            if (!Rune.IsLetterOrDigit(rune) && !IsMark(rune))
            {
                isApart = words.Length > 0;
                continue;
            }

            words.Append(isApart ? " " : "").Append(Rune.ToLowerInvariant(rune));
            isApart = false;
        }

        return words.ToString();
    }

    // An accent, or the vowel of a script that writes vowels around its letters.
    private static bool IsMark(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
}
