using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Quality;

namespace DistillGrpc.Teacher.Explaining;

/// <summary>
/// Self-consistency (Wang et al. 2022, arXiv 2203.11171): of several answers the label is taken that most of them end in. Answers
/// without a label do not vote, but count among those that could have agreed.
/// </summary>
internal static class Vote
{
    /// <summary>The first answer with the winning label, its share of all votes, and each label's share of those that were given.</summary>
    /// <param name="answers">In the order in which ties are decided: the earlier wins.</param>
    /// <param name="asked">The weight of all that were asked; who failed could have agreed, too.</param>
    public static (int Winner, double Agreement, IReadOnlyList<LabelProbability> Shares) Count(IReadOnlyList<(PlannedTeacher Teacher, BackendAnswer Answer)> answers, double asked)
    {
        var votes = answers
            .Select((given, number) => (given.Teacher, given.Answer, Number: number))
            .Where(given => given.Answer.Outcome is ParseOutcome.Parsed or ParseOutcome.EmptyRationale)
            .GroupBy(given => LabelComparison.KeyOf(given.Answer.Label, given.Teacher.Form), StringComparer.Ordinal)
            .Select(group => (
                // One with a rationale explains the label; one without only counts.
                First: group.OrderBy(given => given.Answer.Outcome != ParseOutcome.Parsed).ThenBy(given => given.Number).First(),
                Weight: group.Sum(given => given.Teacher.Weight)))
            .OrderByDescending(label => label.Weight).ThenBy(label => label.First.Number)
            .ToArray();
        if (votes.Length == 0)
        {
            return (0, 0, []);
        }

        var given = votes.Sum(label => label.Weight);
        return (votes[0].First.Number, votes[0].Weight / asked,
            [.. votes.Select(label => new LabelProbability { Label = label.First.Answer.Label, Probability = label.Weight / given })]);
    }
}
