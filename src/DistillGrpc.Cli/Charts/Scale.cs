using System.Globalization;

namespace DistillGrpc.Cli.Charts;

/// <summary>Where values of an axis lie between its ends, and which of them are written down.</summary>
internal sealed class Scale
{
    private const int MostTicks = 6;
    private readonly double _low;
    private readonly double _high;
    private readonly bool _isLog;

    private Scale(double low, double high, bool isLog, IReadOnlyList<double> ticks) => (_low, _high, _isLog, Ticks) = (low, high, isLog, ticks);

    /// <summary>The values that are written down, in their order.</summary>
    public IReadOnlyList<double> Ticks { get; }

    /// <summary>An axis of shares, from 0 to 1: what there is with a little room, between round values.</summary>
    public static Scale OfShares(IReadOnlyCollection<double> values)
    {
        var (low, high) = values.Count == 0 ? (0, 1) : (values.Min(), values.Max());
        var room = Math.Max(0.02, (high - low) * 0.06);
        return Linear(Math.Max(0, low - room), Math.Min(1, high + room));
    }

    /// <summary>An axis from the lowest to the highest value.</summary>
    public static Scale Of(IReadOnlyCollection<double> values)
    {
        var (low, high) = values.Count == 0 ? (0, 1) : (values.Min(), values.Max());
        return Linear(low, high > low ? high : low + Math.Max(1e-9, Math.Abs(low)));
    }

    /// <summary>An axis on which equal ratios are equally wide, with the values that there are as its ticks, as far as they have room.</summary>
    public static Scale OfRatios(IEnumerable<double> values)
    {
        var ticks = values.Where(value => value > 0).Distinct().Order().ToArray();
        return ticks.Length == 0 ? new Scale(1, 10, true, [1, 10]) : new Scale(ticks[0] / 1.15, ticks[^1] * 1.15, true, Thinned(ticks));
    }

    /// <summary>Where a value lies, from 0 to 1.</summary>
    public double At(double value) => _isLog
        ? (Math.Log(Math.Max(value, double.Epsilon)) - Math.Log(_low)) / (Math.Log(_high) - Math.Log(_low))
        : (value - _low) / (_high - _low);

    /// <summary>A number as short as it may be: 12.5k, 3.1M.</summary>
    public static string Short(double value) => Math.Abs(value) switch
    {
        >= 1e12 => value.ToString("0.##e0", CultureInfo.InvariantCulture),
        >= 1e9 => string.Create(CultureInfo.InvariantCulture, $"{value / 1e9:0.##}G"),
        >= 1e6 => string.Create(CultureInfo.InvariantCulture, $"{value / 1e6:0.##}M"),
        >= 1e4 => string.Create(CultureInfo.InvariantCulture, $"{value / 1e3:0.#}k"),
        >= 0.001 or 0 => value.ToString("0.####", CultureInfo.InvariantCulture),
        _ => value.ToString("0.##e0", CultureInfo.InvariantCulture),
    };

    private static Scale Linear(double low, double high)
    {
        var raw = (high - low) / (MostTicks - 1);
        var power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var step = power * ((raw / power) switch { <= 1 => 1, <= 2 => 2, <= 2.5 => 2.5, <= 5 => 5, _ => 10 });
        var (first, last) = (Math.Floor((low / step) + 1e-9) * step, Math.Ceiling((high / step) - 1e-9) * step);
        var ticks = Enumerable.Range(0, (int)Math.Round((last - first) / step) + 1).Select(i => Math.Round(first + (i * step), 12)).ToArray();
        return new Scale(first, last, false, ticks);
    }

    // Values that lie close together would be written over one another.
    private static double[] Thinned(double[] ticks)
    {
        const double room = 0.09;
        var span = Math.Max(1e-9, Math.Log(ticks[^1]) - Math.Log(ticks[0]));
        var kept = new List<double> { ticks[^1] };
        foreach (var tick in ticks.Reverse().Skip(1).Where(tick => (Math.Log(kept[^1]) - Math.Log(tick)) / span >= room))
        {
            kept.Add(tick);
        }

        return [.. kept.Order()];
    }
}
