using System.Globalization;

namespace DistillGrpc.Cli;

/// <summary>How far rows are, on one line: rows, pace, what else there is to say, and the time that is left where it is known how many rows there are.</summary>
/// <param name="line">Where it is shown.</param>
/// <param name="time">The clock.</param>
/// <param name="kept">Rows that were done before: they say nothing about the pace.</param>
internal sealed class RowProgress(ProgressLine line, TimeProvider time, long kept = 0)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private readonly long _started = time.GetTimestamp();
    private long _shown;

    public void Show(long rows, long? total, string details)
    {
        // Rows may come by the thousands in a second.
        if (_shown != 0 && rows != total && time.GetElapsedTime(_shown) < Interval)
        {
            return;
        }

        _shown = time.GetTimestamp();
        line.Show(Text(rows, total, kept, details, time.GetElapsedTime(_started)));
    }

    public void Clear() => line.Clear();

    internal static string Text(long rows, long? total, long kept, string details, TimeSpan elapsed)
    {
        var pace = (rows - kept) / Math.Max(elapsed.TotalSeconds, 0.001);
        var done = total is > 0 ? $"{ProgressLine.Bar((double)rows / total.Value)} {rows}/{total}" : $"{rows} rows";
        var left = total is { } all && pace > 0 ? $" ETA {TimeSpan.FromSeconds(Math.Clamp((all - rows) / pace, 0, 86_400 * 365)):h\\:mm\\:ss}" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{done} {pace:0.#}/s{details}{left}");
    }
}
