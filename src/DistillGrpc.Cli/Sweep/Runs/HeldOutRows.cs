using DistillGrpc.Cli.Datasets;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Scoring;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>The held-out rows with a gold label, and how answers to them are judged.</summary>
internal sealed class HeldOutRows
{
    private readonly ScoringRule _rule;
    private readonly Grouping _grouping;

    private HeldOutRows(Dataset dataset, IReadOnlyList<Example> rows, ScoringRule rule, string groupBy) => (Dataset, Rows, _rule, _grouping) = (dataset, rows, rule, GroupingText.Parse(groupBy)!);

    public Dataset Dataset { get; }

    public IReadOnlyList<Example> Rows { get; }

    /// <summary>Reads them.</summary>
    /// <exception cref="InvalidDataException">None has a label.</exception>
    public static async Task<HeldOutRows> ReadAsync(DatasetClient client, string given, AnswerScorer scorer, string groupBy, CancellationToken cancellationToken)
    {
        var dataset = await client.GetAsync(await DatasetText.ResolveAsync(client, given, cancellationToken), cancellationToken);
        var rows = await client.ReadAsync(dataset.Name, cancellationToken: cancellationToken).Where(row => row.Label.Length > 0).ToListAsync(cancellationToken);
        return rows.Count > 0
            ? new HeldOutRows(dataset, rows, scorer == AnswerScorer.Equation ? ScoringRule.Equation : ScoringRule.ExactMatch, groupBy)
            : throw new InvalidDataException($"{given} holds no row with a label.");
    }

    public bool IsRight(string predicted, Example row) => _rule.IsRight(predicted, row.Label, row.Answer);

    /// <summary>The share that one label gets right.</summary>
    public double ShareOf(string label) => Rows.Average(row => IsRight(label, row) ? 1.0 : 0);

    /// <summary>What rows that are right and wrong together share.</summary>
    public string GroupOf(Example row) => _grouping.Kind switch
    {
        GroupingKind.Segment when row.Segments.Count > _grouping.Segment => row.Segments[_grouping.Segment],
        GroupingKind.Group when row.Group.Length > 0 => row.Group,
        _ => row.Id,
    };

    /// <summary>What the report says of them.</summary>
    public HeldOutData Summary()
    {
        var taught = Rows.Where(row => row.TeacherLabel.Length > 0).ToArray();
        return new HeldOutData(Dataset.Name, Dataset.ContentHash, Rows.Count, taught.Length, taught.Count(row => IsRight(row.TeacherLabel, row)));
    }
}
