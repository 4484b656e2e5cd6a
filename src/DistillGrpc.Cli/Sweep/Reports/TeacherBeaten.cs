using System.Text.Json.Serialization;

namespace DistillGrpc.Cli.Sweep.Reports;

/// <summary>What it takes to get more right than the teacher.</summary>
/// <param name="Dataset">The rows.</param>
/// <param name="Labels">The label source.</param>
/// <param name="Line">How they were learnt.</param>
/// <param name="Cells">For every student that did, the smallest first, the cell with the fewest rows; empty where none did.</param>
internal sealed record TeacherBeaten(string Dataset, string Labels, string Line, IReadOnlyList<CellSummary> Cells)
{
    /// <summary>The smallest student, and with it the fewest rows; null where none did.</summary>
    [JsonIgnore]
    public CellSummary? Cell => Cells.Count > 0 ? Cells[0] : null;

    public static IReadOnlyList<TeacherBeaten> Of(IEnumerable<CellSummary> cells, double teacher) =>
    [
        .. cells.GroupBy(cell => (cell.Dataset, cell.Labels, cell.Line)).Select(same => new TeacherBeaten(
            same.Key.Dataset, same.Key.Labels, same.Key.Line,
            [.. same.Where(cell => cell.Mean > teacher).GroupBy(cell => cell.Student).Select(student => student.MinBy(cell => cell.Rows)!).OrderBy(cell => cell.Parameters)])),
    ];
}
