using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Modeling.Training;

namespace DistillGrpc.Student.Training;

/// <summary>Which rationale a row is learnt with: its own, another row's (does the content matter?), several, or none where the teacher was wrong.</summary>
internal static class RowControls
{
    /// <summary>The rows as they are learnt; the given ones stay as they are.</summary>
    public static IEnumerable<Example> Apply(RunSpec spec, IReadOnlyList<Example> rows)
    {
        if (!spec.Source.ShuffleRationales)
        {
            return rows;
        }

        var explained = Enumerable.Range(0, rows.Count).Where(i => rows[i].Rationale.Length > 0).ToArray();
        RpcFailure.Require(explained.Length >= 2, "spec.shuffle_rationales", "needs two rows with a rationale");
        var from = Derangement.Of(explained.Length, spec.Seed);
        var shuffled = rows.ToArray();
        foreach (var (place, i) in explained.Index())
        {
            var other = rows[explained[from[place]]];
            shuffled[i] = rows[i].Clone();
            shuffled[i].Rationale = other.Rationale;
            shuffled[i].Teaching?.Rationales.Clear();
            if (other.Teaching is { Rationales.Count: > 0 } taught)
            {
                (shuffled[i].Teaching ??= new Teaching()).Rationales.AddRange(taught.Rationales);
            }
        }

        return shuffled;
    }

    /// <summary>The rationales that a row is learnt with.</summary>
    public static IReadOnlyList<string> Rationales(RunSpec spec, Example row)
    {
        if (row.Rationale.Length == 0 || !spec.WantsRationales || (spec.Source.TeacherCorrectOnly && !IsTeacherRight(spec.Scorer, row)))
        {
            return [];
        }

        return [row.Rationale, .. (row.Teaching?.Rationales ?? []).Take(spec.RationalesPerRow - 1)];
    }

    /// <summary>Whether the teacher's label is the gold one; false where either is not known.</summary>
    public static bool IsTeacherRight(ScoringRule scorer, Example row) =>
        row.TeacherLabel.Length > 0 && row.Label.Length > 0 && scorer.IsRight(row.TeacherLabel, row.Label, row.Answer);
}
