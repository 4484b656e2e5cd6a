namespace DistillGrpc.Cli.Sweep.Reports;

/// <summary>What it takes to get more right than the teacher: the smallest student, and with it the fewest rows.</summary>
/// <param name="Dataset">The rows.</param>
/// <param name="Labels">The label source.</param>
/// <param name="Line">How they were learnt.</param>
/// <param name="Cell">The cell; null where no student did.</param>
internal sealed record TeacherBeaten(string Dataset, string Labels, string Line, CellSummary? Cell)
{
    public static IReadOnlyList<TeacherBeaten> Of(IEnumerable<CellSummary> cells, double teacher) =>
    [
        .. cells.GroupBy(cell => (cell.Dataset, cell.Labels, cell.Line)).Select(same => new TeacherBeaten(
            same.Key.Dataset, same.Key.Labels, same.Key.Line, same.Where(cell => cell.Mean > teacher).OrderBy(cell => cell.Parameters).ThenBy(cell => cell.Rows).FirstOrDefault())),
    ];
}
