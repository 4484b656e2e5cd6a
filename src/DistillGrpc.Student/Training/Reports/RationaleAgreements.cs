using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// Counts how far rationales belong to the labels that were given with them. That a rationale states the label proves little: the label could be all
/// that it says. So a reader that is shown no label has to read the label from the rest, and rationales that state none are counted by themselves, as in
/// leakage-adjusted simulatability (Hase et al. 2020, arXiv 2010.04119). It is measured against what the student said, right or wrong:
/// an explanation belongs to an answer, not to the truth.
/// </summary>
internal static class RationaleAgreements
{
    /// <summary>Counts.</summary>
    /// <param name="labels">The task's labels.</param>
    /// <param name="given">The label that was given to each row.</param>
    /// <param name="rationales">The rationale of each row.</param>
    /// <param name="read">The label that the reader has read from each rationale; null where nobody has.</param>
    public static RationaleAgreement Of(LabelWords labels, IReadOnlyList<string> given, IReadOnlyList<string> rationales, IReadOnlyList<string>? read)
    {
        var named = rationales.Select(labels.In).ToArray();
        var rows = Enumerable.Range(0, given.Count).ToArray();
        var agreement = new RationaleAgreement
        {
            Examples = rows.Length,
            Stating = rows.Count(row => named[row].Count == 1),
            StatingGiven = rows.Count(row => named[row] is [var label] && LabelWords.AreSame(label, given[row])),
        };
        if (read is not null)
        {
            bool IsReadBack(int row) => string.Equals(ScoringRules.Normal(read[row]), ScoringRules.Normal(given[row]), StringComparison.Ordinal);
            agreement.ReadBack = rows.Count(IsReadBack);
            agreement.Unstated = rows.Count(row => named[row].Count == 0);
            agreement.UnstatedReadBack = rows.Count(row => named[row].Count == 0 && IsReadBack(row));
            agreement.MajorityReadBack = given.CountBy(ScoringRules.Normal, StringComparer.Ordinal).Select(pair => pair.Value).DefaultIfEmpty().Max();
        }

        return agreement;
    }
}
