using System.Text.RegularExpressions;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Quickstart;

/// <summary>What is right without learning anything.</summary>
internal static partial class Floors
{
    /// <summary>Always the commonest label.</summary>
    public static double Majority(QuickstartRows rows, Func<string, Example, bool> isRight)
    {
        var label = rows.Training.Where(row => row.Label.Length > 0).GroupBy(row => row.Label).OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal).FirstOrDefault()?.Key ?? "";
        return rows.HeldOut.Average(row => isRight(label, row) ? 1.0 : 0);
    }

    /// <summary>The label of the training input that shares most words with the question.</summary>
    public static double Nearest(QuickstartRows rows, Func<string, Example, bool> isRight)
    {
        var known = rows.Training.Where(row => row.Label.Length > 0).Select(row => (Words: Words(row), row.Label)).ToArray();
        return rows.HeldOut.AsParallel().Average(row =>
        {
            var words = Words(row);
            var best = known.MaxBy(candidate =>
            {
                var shared = words.Count(candidate.Words.Contains);
                return (double)shared / (words.Count + candidate.Words.Count - shared);
            });
            return isRight(best.Label, row) ? 1.0 : 0;
        });
    }

    private static HashSet<string> Words(Example row) => [.. Word().Matches(string.Join(' ', row.Segments).ToLowerInvariant()).Select(match => match.Value)];

    [GeneratedRegex(@"\w+", RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}
