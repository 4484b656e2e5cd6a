using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Parsing;
using DistillGrpc.Teacher.Quality;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>What is counted of an extraction's rows besides accepted and rejected.</summary>
internal static class Counters
{
    /// <summary>Rows with a gold label.</summary>
    public const string Gold = "gold";

    /// <summary>Rows whose teacher, unprompted by it, gave the gold label.</summary>
    public const string GoldRight = "gold-right";

    /// <summary>Rows that were rationalised.</summary>
    public const string Rationalized = "rationalized";

    private const string ReasonPrefix = "reason-";

    /// <summary>The counters that a row raises by one.</summary>
    public static IEnumerable<string> Of(Example input, RationaleResult result, AnswerForm form)
    {
        if (input.Label.Length > 0 && result.Error is null && result.ParseOutcome != ParseOutcome.Unspecified)
        {
            yield return Gold;
            if (result.Provenance is not { Rationalized: true } && LabelComparison.IsGold(result.Label, input.Label, input.Answer, form))
            {
                yield return GoldRight;
            }
        }

        if (result.Provenance is { Rationalized: true })
        {
            yield return Rationalized;
        }

        foreach (var reason in result.Verdict.Reasons)
        {
            yield return $"{ReasonPrefix}{(int)reason}";
        }
    }

    /// <summary>The reason that a counter counts, or null.</summary>
    public static RejectionReason? ReasonOf(string counter) =>
        counter.StartsWith(ReasonPrefix, StringComparison.Ordinal) ? (RejectionReason)int.Parse(counter.AsSpan(ReasonPrefix.Length), System.Globalization.CultureInfo.InvariantCulture) : null;
}
