using DistillGrpc.Modeling.Scoring;

namespace DistillGrpc.Student.Models;

/// <summary>
/// Where the rationales of a task have their label, as rows show it: behind the last of some text, up to their end or what stands there. Rationales that close with "So the answer
/// is X." have it behind "So the answer is " and before ".", those that keep books behind the last ": ". It also reads labels that are no classes.
/// </summary>
/// <param name="Before">What stands in front of the label.</param>
/// <param name="After">What stands behind it, at the end.</param>
internal sealed record LabelPlace(string Before, string After)
{
    /// <summary>Most characters of either.</summary>
    public const int MostCharacters = 40;

    private const int LeastRows = 20;

    /// <summary>What a rationale has in that place; null where there is no such place.</summary>
    public string? In(string rationale)
    {
        var rest = rationale.EndsWith(After, StringComparison.Ordinal) ? rationale[..^After.Length] : "";
        var at = rest.LastIndexOf(Before, StringComparison.Ordinal);
        return at >= 0 && ScoringRules.Normal(rest[(at + Before.Length)..]) is { Length: > 0 } label ? label : null;
    }

    /// <summary>The place that rows have their label in; null where they have none, or too seldom.</summary>
    /// <param name="rows">Labels, and the rationales that were given for them.</param>
    /// <param name="leastRight">The share of the rows whose label it must give.</param>
    public static LabelPlace? Of(IReadOnlyList<(string Label, string Rationale)> rows, double leastRight)
    {
        var around = rows.Select(row => (row.Label, row.Rationale, At: row.Rationale.LastIndexOf(row.Label, StringComparison.Ordinal))).Where(row => row.At >= 0)
            .Select(row => (Before: row.Rationale[..row.At], After: row.Rationale[(row.At + row.Label.Length)..])).Where(row => row.After.Length <= MostCharacters).ToArray();
        var after = around.CountBy(row => row.After, StringComparer.Ordinal).OrderByDescending(pair => pair.Value).FirstOrDefault().Key ?? "";
        var place = new LabelPlace(CommonEnd([.. around.Where(row => row.After == after).Select(row => row.Before)], leastRight * rows.Count), after);
        var right = rows.Count(row => place.In(row.Rationale) == ScoringRules.Normal(row.Label));
        // What is always the same is no label that anybody reads.
        var tells = place.Before.Length > 0 && rows.Count >= LeastRows && right >= leastRight * rows.Count && rows.DistinctBy(row => row.Label, StringComparer.Ordinal).Count() > 1;
        return tells ? place : null;
    }

    // The longest end that enough texts have.
    private static string CommonEnd(IReadOnlyList<string> texts, double enough)
    {
        var common = "";
        for (var length = 1; length <= MostCharacters; length++)
        {
            var (end, count) = texts.Where(text => text.Length >= length).CountBy(text => text[^length..], StringComparer.Ordinal).OrderByDescending(pair => pair.Value).FirstOrDefault();
            if (end is null || count < enough)
            {
                break;
            }

            common = end;
        }

        return common;
    }
}
