using System.Globalization;

namespace DistillGrpc.Cli.Teaching;

/// <summary>How far a teacher is, on one line: as <see cref="RowProgress"/>, with cost and accepted rows.</summary>
internal sealed class TeachProgress(ProgressLine line, TimeProvider time)
{
    private readonly RowProgress _rows = new(line, time);

    public void Show(long rows, long? total, long accepted, long costNanos) => _rows.Show(rows, total, Details(rows, accepted, costNanos));

    public void Clear() => _rows.Clear();

    internal static string Text(long rows, long? total, long accepted, long costNanos, TimeSpan elapsed) => RowProgress.Text(rows, total, 0, Details(rows, accepted, costNanos), elapsed);

    private static string Details(long rows, long accepted, long costNanos) => string.Create(
        CultureInfo.InvariantCulture,
        $"{(rows > 0 ? $" accepted {100.0 * accepted / rows:0.0}%" : "")}{(costNanos > 0 ? $" cost {Money.Text(costNanos)}" : "")}");
}
