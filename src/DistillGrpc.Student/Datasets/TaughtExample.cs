using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Datasets;

/// <summary>A teacher's answer as a part of the row.</summary>
internal static class TaughtExample
{
    /// <summary>An extraction's row, with all that can be learnt from.</summary>
    public static Example Of(ExtractionRow row)
    {
        Teach(row.Example, row.Result);
        return row.Example;
    }

    /// <summary>Gives a row what a teacher gave besides label and rationale.</summary>
    public static void Teach(Example row, RationaleResult result)
    {
        var teaching = new Teaching { Provenance = result.Provenance, Agreement = result.Agreement };
        teaching.LabelDistribution.AddRange(result.LabelDistribution);
        teaching.Tokens.AddRange(LabelTokens.Of(result.Tokens, result.Label, result.Rationale));
        teaching.Rationales.AddRange(result.Answers
            .Where(answer => answer.Label == result.Label && answer.Rationale != result.Rationale && !string.IsNullOrWhiteSpace(answer.Rationale))
            .Select(answer => answer.Rationale).Distinct(StringComparer.Ordinal));
        row.Teaching = teaching.CalculateSize() > 0 ? teaching : null;
    }
}
