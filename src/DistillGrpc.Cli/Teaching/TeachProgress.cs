using System.Globalization;

namespace DistillGrpc.Cli.Teaching;

/// <summary>How far a teacher is, on one line: rows, pace, cost, accepted rows, and the time that is left where it is known how many rows there are.</summary>
internal sealed class TeachProgress(ProgressLine line, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private readonly long _started = time.GetTimestamp();
    private long _shown;

    public void Show(long rows, long? total, long accepted, long costNanos)
    {
        // Rows may come by the thousands in a second.
        if (_shown != 0 && rows != total && time.GetElapsedTime(_shown) < Interval)
        {
            return;
        }

        _shown = time.GetTimestamp();
        line.Show(Text(rows, total, accepted, costNanos, time.GetElapsedTime(_started)));
    }

    public void Clear() => line.Clear();

    internal static string Text(long rows, long? total, long accepted, long costNanos, TimeSpan elapsed)
    {
        var pace = rows / Math.Max(elapsed.TotalSeconds, 0.001);
        var done = total is > 0 ? $"{ProgressLine.Bar((double)rows / total.Value)} {rows}/{total}" : $"{rows} rows";
        var left = total is { } all && rows > 0 && pace > 0 ? $" ETA {TimeSpan.FromSeconds(Math.Clamp((all - rows) / pace, 0, 86_400 * 365)):h\\:mm\\:ss}" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{done} {pace:0.#}/s{(rows > 0 ? $" accepted {100.0 * accepted / rows:0.0}%" : "")}{(costNanos > 0 ? $" cost {Money.Text(costNanos)}" : "")}{left}");
    }
}
