using System.Globalization;

namespace DistillGrpc.Cli;

/// <summary>A line on stderr that is written over while work goes on; nothing where stderr is no terminal.</summary>
internal sealed class ProgressLine
{
    private readonly bool _live = !Console.IsErrorRedirected;
    private readonly Lock _lock = new();
    private int _length;

    public void Show(string text)
    {
        if (_live)
        {
            lock (_lock)
            {
                Console.Error.Write($"\r{text.PadRight(_length)}");
                _length = text.Length;
            }
        }
    }

    public void Clear()
    {
        Show("");
        if (_live)
        {
            Console.Error.Write('\r');
        }
    }

    public static string Bar(double share)
    {
        const int width = 24;
        share = Math.Clamp(share, 0, 1);
        var full = (int)Math.Round(share * width);
        return $"[{new string('#', full)}{new string('.', width - full)}] {share * 100,3:0}%";
    }

    /// <summary>Time that is left: hours, however many, minutes and seconds.</summary>
    public static string Left(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time:mm\\:ss}");
}
