using System.Text.RegularExpressions;

namespace DistillGrpc.Student.Models;

/// <summary>
/// Finds a task's labels in a text, as whole words, whatever their case and the punctuation between them. Longer labels come first: what is a part of
/// <c>not entailment</c> is no <c>entailment</c>.
/// </summary>
internal sealed partial class LabelWords
{
    private readonly (string Label, string[] Words)[] _labels;

    /// <summary>Takes the labels; one without a letter or digit is never found.</summary>
    public LabelWords(IEnumerable<string> labels) => _labels =
    [
        .. labels.Select(label => (Label: label, Words: Words(label))).Where(label => label.Words.Length > 0).DistinctBy(label => string.Join(' ', label.Words), StringComparer.Ordinal)
            .OrderByDescending(label => label.Words.Length).ThenBy(label => label.Label, StringComparer.Ordinal),
    ];

    /// <summary>The labels that a text names, each once; of labels that differ in case or punctuation alone, the first that was given.</summary>
    public IReadOnlyList<string> In(string text) => [.. Find(text).Select(found => found.Label).Distinct(StringComparer.Ordinal)];

    /// <summary>Whether a label is, but for case and punctuation, another one.</summary>
    public static bool AreSame(string label, string other) => Words(label).SequenceEqual(Words(other), StringComparer.Ordinal);

    /// <summary>A text without the labels that it names.</summary>
    public string Without(string text)
    {
        // What stands on both sides of a label that is gone may be one.
        while (Find(text) is { Count: > 0 } found)
        {
            foreach (var (_, start, length) in found.OrderByDescending(place => place.Start))
            {
                text = text.Remove(start, length);
            }
        }

        return string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    private List<(string Label, int Start, int Length)> Find(string text)
    {
        var words = Word().Matches(text);
        string[] read = [.. words.Select(word => Normal(word.Value))];
        var isTaken = new bool[read.Length];
        var found = new List<(string Label, int Start, int Length)>();
        foreach (var (label, wanted) in _labels)
        {
            for (var first = 0; first + wanted.Length <= read.Length; first++)
            {
                if (read.AsSpan(first, wanted.Length).SequenceEqual(wanted) && !isTaken.AsSpan(first, wanted.Length).Contains(true))
                {
                    Array.Fill(isTaken, true, first, wanted.Length);
                    var last = words[first + wanted.Length - 1];
                    found.Add((label, words[first].Index, last.Index + last.Length - words[first].Index));
                }
            }
        }

        return found;
    }

    private static string[] Words(string text) => [.. Word().Matches(text).Select(word => Normal(word.Value))];

    private static string Normal(string word) => word.ToLowerInvariant();

    [GeneratedRegex(@"[\p{L}\p{M}\p{N}]+", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Word();
}
