using System.Globalization;

namespace DistillGrpc.Cli;

/// <summary>How far rows are, on one line: rows, pace, what else there is to say, and the time that is left where it is known how many rows there are.</summary>
/// <param name="line">Where it is shown.</param>
/// <param name="time">The clock.</param>
internal sealed class RowProgress(ProgressLine line, TimeProvider time)
{
    private readonly long _started = time.GetTimestamp();
    private readonly Pace _pace = new(time);

    /// <summary>Shows it, but no more than ten times a second.</summary>
    /// <param name="rows">Rows that are done.</param>
    /// <param name="total">Rows in all, where that is known.</param>
    /// <param name="details">What else there is to say.</param>
    /// <param name="kept">Rows of these that were done before: they say nothing about the pace.</param>
    public void Show(long rows, long? total, string details, long kept = 0)
    {
        if (_pace.IsTime() || rows == total)
        {
            line.Show(Text(rows, total, kept, details, time.GetElapsedTime(_started)));
        }
    }

    public void Clear() => line.Clear();

    internal static string Text(long rows, long? total, long kept, string details, TimeSpan elapsed)
    {
        var pace = (rows - kept) / Math.Max(elapsed.TotalSeconds, 0.001);
        var done = total is > 0 ? $"{ProgressLine.Bar((double)rows / total.Value)} {rows}/{total}" : $"{rows} rows";
        var left = total is { } all && pace > 0 ? $" ETA {ProgressLine.Left(TimeSpan.FromSeconds(Math.Clamp((all - rows) / pace, 0, 86_400 * 365)))}" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{done} {pace:0.#}/s{details}{left}");
    }
}
