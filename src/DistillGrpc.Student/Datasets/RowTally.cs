using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Datasets;

/// <summary>Counts what rows hold; of labels and groups 64 bits of a hash each.</summary>
internal sealed class RowTally
{
    private readonly DatasetCounts _counts = new();
    private readonly HashSet<ulong> _labels = [];
    private readonly HashSet<ulong> _groups = [];

    public DatasetCounts Counts => new(_counts) { DistinctLabels = _labels.Count, Groups = _groups.Count };

    public void Add(Example row)
    {
        _counts.GoldLabels += row.Label.Length > 0 ? 1 : 0;
        _counts.TeacherLabels += row.TeacherLabel.Length > 0 ? 1 : 0;
        _counts.Rationales += row.Rationale.Length > 0 ? 1 : 0;
        _counts.SoftLabels += row.Teaching is { } teaching && teaching.LabelDistribution.Count + teaching.Tokens.Count > 0 ? 1 : 0;
        if (row.Label.Length + row.TeacherLabel.Length > 0)
        {
            _labels.Add((ulong)RowKeys.OfText(row.Label.Length > 0 ? row.Label : row.TeacherLabel));
        }

        if (row.Group.Length > 0)
        {
            _counts.GroupedRows++;
            _groups.Add((ulong)RowKeys.OfText(row.Group));
        }
    }
}
