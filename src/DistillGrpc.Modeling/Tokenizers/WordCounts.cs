using System.Runtime.InteropServices;
using System.Text;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>The stretches of a corpus that pieces may lie in, and how often each occurs.</summary>
internal static class WordCounts
{
    /// <summary>
    /// Counts words with the mark of the space before them; a digit or a punctuation mark is a stretch of its own, and
    /// longer stretches than a piece may have are cut.
    /// </summary>
    public static IReadOnlyDictionary<string, int> Of(IEnumerable<string> corpus, int maxLength)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        var stretch = new StringBuilder();
        foreach (var text in corpus)
        {
            var spaceBefore = true;
            foreach (var rune in text.EnumerateRunes())
            {
                if (Rune.IsWhiteSpace(rune) || rune.Value == 0)
                {
                    Count(stretch, counts);
                    spaceBefore = true;
                    continue;
                }

                var alone = !Rune.IsLetter(rune) && rune.Value != '\'';
                if (alone || stretch.Length >= maxLength)
                {
                    Count(stretch, counts);
                }

                stretch.Append(spaceBefore ? UnigramVocabulary.Space.ToString() : "").Append(rune);
                spaceBefore = false;
                if (alone)
                {
                    Count(stretch, counts);
                }
            }

            Count(stretch, counts);
        }

        return counts;
    }

    private static void Count(StringBuilder stretch, Dictionary<string, int> counts)
    {
        if (stretch.Length > 0)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(counts, stretch.ToString(), out _)++;
            stretch.Clear();
        }
    }
}
