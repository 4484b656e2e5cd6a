using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Scoring;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// How labels were predicted, from the predictions alone. A row is right where the run's scorer says so; a wrong one was predicted for the
/// class that is written as it was, or for none. Correct rows are therefore those on the diagonal, whatever the scorer.
/// </summary>
internal static class LabelMetrics
{
    /// <summary>More different labels than this are no classes.</summary>
    public const int MaxClasses = 100;

    /// <summary>Longer labels than this are texts, and no classes.</summary>
    public const int MaxClassLength = 200;

    /// <summary>Most cells that are told; evaluations lie in the database, and go over the wire.</summary>
    public const int MaxCells = 1000;

    /// <summary>Compares predictions with gold labels.</summary>
    /// <param name="scorer">What is right.</param>
    /// <param name="rows">The held-out rows.</param>
    /// <param name="predicted">A label for each of them.</param>
    /// <param name="majority">The label that is learnt most often, or empty.</param>
    /// <returns>The evaluation, without step and operations.</returns>
    public static Evaluation Of(ScoringRule scorer, IReadOnlyList<Example> rows, IReadOnlyList<string> predicted, string majority)
    {
        var isRight = rows.Zip(predicted, (row, label) => scorer.IsRight(label, row.Label, row.Answer)).ToArray();
        var evaluation = new Evaluation
        {
            Examples = rows.Count,
            Correct = isRight.Count(right => right),
            MajorityCorrect = majority.Length == 0 ? 0 : rows.Count(row => scorer.IsRight(majority, row.Label, row.Answer)),
        };
        string[] gold = [.. rows.Select(row => ScoringRules.Normal(row.Label))];
        var classes = gold.ToHashSet(StringComparer.Ordinal);
        if (classes.Count <= MaxClasses && classes.All(label => label.Length <= MaxClassLength))
        {
            AddClasses(evaluation, [.. gold.Select((label, row) => (label, isRight[row] ? label : Class(predicted[row], label, classes)))]);
        }

        return evaluation;
    }

    /// <summary>The most frequent of some labels, the first by ordinal order among equals; empty where there is none.</summary>
    public static string Majority(IEnumerable<string> labels) =>
        labels.Where(label => label.Length > 0).CountBy(label => label, StringComparer.Ordinal).OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal).FirstOrDefault().Key ?? "";

    // What was predicted and is wrong: another class, or none.
    private static string Class(string predicted, string gold, HashSet<string> classes) =>
        ScoringRules.Normal(predicted) is var label && label != gold && classes.Contains(label) ? label : "";

    private static void AddClasses(Evaluation evaluation, (string Gold, string Predicted)[] pairs)
    {
        var predictions = pairs.CountBy(pair => pair.Predicted, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        evaluation.Classes.AddRange(pairs.GroupBy(pair => pair.Gold, StringComparer.Ordinal)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => Metrics(group.Key, group.Count(), group.Count(pair => pair.Predicted == group.Key), predictions.GetValueOrDefault(group.Key))));
        evaluation.MacroF1 = evaluation.Classes.Count == 0 ? 0 : evaluation.Classes.Average(metrics => metrics.F1);
        evaluation.Confusion.AddRange(pairs.CountBy(pair => pair)
            .OrderByDescending(cell => cell.Value).ThenBy(cell => cell.Key.Gold, StringComparer.Ordinal).ThenBy(cell => cell.Key.Predicted, StringComparer.Ordinal)
            .Take(MaxCells).Select(cell => new ConfusionCell { Label = cell.Key.Gold, Predicted = cell.Key.Predicted, Count = cell.Value }));
    }

    private static ClassMetrics Metrics(string label, int examples, int right, int predicted) => new()
    {
        Label = label,
        Examples = examples,
        Precision = predicted == 0 ? 0 : (double)right / predicted,
        Recall = (double)right / examples,
        F1 = 2.0 * right / (examples + predicted),
    };
}
