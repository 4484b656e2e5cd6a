using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Student.Serving.Requests;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>The labels that a student has learnt, as it can tell them apart: those that its tokenizer writes alike, such as one that folds case does, are one.</summary>
/// <param name="tokenizer">The student's.</param>
/// <param name="labels">The labels.</param>
internal sealed class LearntLabels(ITokenizer tokenizer, CandidateSet labels)
{
    private readonly string[] _order = labels.InOrder();

    /// <summary>Their tokens.</summary>
    public TokenTrie Allowed => labels.Allowed;

    /// <summary>The place of a row's gold label in <see cref="TokenTrie.Sequences"/>; -1 where it was not learnt.</summary>
    public int GoldOf(Example row) =>
        Array.IndexOf(_order, labels.LabelOf(tokenizer.Decode(tokenizer.Encode(row.Label)))) is var at and >= 0 ? at : Array.FindIndex(_order, label => ScoringRules.Normal(label) == ScoringRules.Normal(row.Label));

    /// <summary>Two labels that the student tells apart and a scorer does not; null where there are none.</summary>
    public (string One, string Other)? Alike(ScoringRule rule)
    {
        for (var i = 0; i < _order.Length; i++)
        {
            if (Array.Find(_order[(i + 1)..], other => rule.IsRight(other, _order[i])) is { } same)
            {
                return (_order[i], same);
            }
        }

        return null;
    }
}
