using System.Globalization;
using System.Xml.Linq;

namespace DistillGrpc.Cli.Charts;

/// <summary>Lines over an axis: means with the spread of their values, and levels to measure them by.</summary>
/// <param name="Title">What the picture shows.</param>
/// <param name="XLabel">What lies on the horizontal axis.</param>
/// <param name="YLabel">What lies on the vertical axis.</param>
/// <param name="Series">The lines.</param>
/// <param name="Levels">Horizontal lines.</param>
internal sealed record LinePlot(string Title, string XLabel, string YLabel, IReadOnlyList<Series> Series, IReadOnlyList<Level> Levels)
{
    private const double Width = 460;
    private const double Height = 320;
    private const double Left = 56;
    private const double Right = 14;
    private const double Top = 30;
    private const double Bottom = 46;
    private const double MostAside = 32;

    /// <summary>Values are shares, written as percentages.</summary>
    public bool IsShare { get; init; } = true;

    /// <summary>Equal ratios are equally wide on the horizontal axis.</summary>
    public bool IsLog { get; init; } = true;

    /// <summary>Values that the vertical axis has room for, too, so that pictures beside one another have the same one.</summary>
    public IReadOnlyList<double> AlsoWithin { get; init; } = [];

    /// <summary>Points have marks; lines of many points are better without.</summary>
    public bool HasMarks { get; init; } = true;

    public XElement ToSvg()
    {
        var values = Series.SelectMany(series => series.Points).SelectMany(point => point.Values.Append(point.Y)).Concat(Levels.Select(level => level.Y)).Concat(AlsoWithin).Where(double.IsFinite).ToArray();
        var xs = Series.SelectMany(series => series.Points).Select(point => point.X).ToArray();
        var (horizontal, vertical) = (IsLog ? Scale.OfRatios(xs) : Scale.Of(xs), IsShare ? Scale.OfShares(values) : Scale.Of(values));
        double X(double value) => Left + (horizontal.At(value) * (Width - Left - Right));
        double Y(double value) => Height - Bottom - (vertical.At(value) * (Height - Top - Bottom));
        return Svg.Picture(
            Width, Height, Title, Description(),
            Svg.Label(Left, 16, Title, "heading"),
            vertical.Ticks.Select(tick => new object[] { Svg.Line(Left, Y(tick), Width - Right, Y(tick), "grid"), Svg.Label(Left - 8, Y(tick) + 4, Number(tick), "tick end") }),
            horizontal.Ticks.Select(tick => new object[] { Svg.Line(X(tick), Height - Bottom, X(tick), Height - Bottom + 4, "axis"), Svg.Label(X(tick), Height - Bottom + 17, Scale.Short(tick), "tick middle") }),
            Svg.Line(Left, Height - Bottom, Width - Right, Height - Bottom, "axis"),
            Svg.Label((Left + Width - Right) / 2, Height - 8, XLabel, "tick middle"),
            Svg.Label(13, (Top + Height - Bottom) / 2, YLabel, "tick middle", -90),
            Levels.Select(level => new XElement("g", new XAttribute("class", "level"), new XElement("title", $"{level.Name}: {Number(level.Y)}"), Svg.Line(Left, Y(level.Y), Width - Right, Y(level.Y), level.Style))),
            Series.Select((series, i) => Drawn(series, value => X(value) + Aside(i, xs), Y)));
    }

    /// <summary>The lines' names with their marks, for beneath one or several pictures that share them.</summary>
    public static XElement Legend(IEnumerable<(string Name, int Color, bool IsDashed)> series, IEnumerable<Level> levels)
    {
        static XElement Item(string name, params object[] content) => new(
            "li", new XElement("svg", new XAttribute("viewBox", "0 0 30 14"), new XAttribute("width", 30), new XAttribute("height", 14), new XAttribute("aria-hidden", "true"), content), " ", name);
        return new XElement(
            "ul", new XAttribute("class", "legend"),
            series.Select(line => Item(line.Name, Svg.Line(1, 7, 29, 7, Stroke(line.Color, line.IsDashed)), Svg.Mark(15, 7, line.Color, line.IsDashed))),
            levels.Select(level => Item(level.Name, Svg.Line(1, 7, 29, 7, level.Style))));
    }

    // Where all lines are one point over the same place they would hide each other.
    private double Aside(int series, double[] xs) => !HasMarks || Series.Count < 2 || xs.Distinct().Count() != 1 ? 0
        : (series - ((Series.Count - 1) / 2.0)) * Math.Min(MostAside, (Width - Left - Right) / (Series.Count + 1));

    private static string Stroke(int color, bool isDashed) => $"stroke{color % Svg.Colors}{(isDashed ? " dashed" : "")}";

    private XElement Drawn(Series series, Func<double, double> x, Func<double, double> y)
    {
        var points = series.Points.Where(point => double.IsFinite(point.Y)).ToArray();
        return new XElement(
            "g", new XAttribute("class", "series"), new XElement("title", series.Name),
            points.Where(point => point.Values.Count > 1).Select(point => Svg.Line(x(point.X), y(point.Values.Min()), x(point.X), y(point.Values.Max()), Stroke(series.Color, false) + " spread")),
            Svg.Path(points.Select(point => (x(point.X), y(point.Y))), Stroke(series.Color, series.IsDashed)),
            points.SelectMany(point => point.Values.Select(value => Svg.Dot(x(point.X), y(value), 2, $"fill{series.Color % Svg.Colors} single"))),
            HasMarks ? points.Select(point => Svg.Mark(x(point.X), y(point.Y), series.Color, series.IsDashed, $"{series.Name}, {XLabel} {Scale.Short(point.X)}: {Number(point.Y)}{(point.Values.Count > 1 ? $" ({Number(point.Values.Min())} to {Number(point.Values.Max())}, {point.Values.Count} seeds)" : "")}")) : null);
    }

    // What a picture says, for whoever has it read to them.
    private string Description() => string.Join(' ',
    [
        .. Series.Where(series => series.Points.Count > 0).Select(series => HasMarks
            ? $"{series.Name}: {string.Join(", ", series.Points.Select(point => $"{Number(point.Y)} at {Scale.Short(point.X)}"))}."
            : $"{series.Name}: from {Number(series.Points[0].Y)} to {Number(series.Points[^1].Y)}."),
        .. Levels.Select(level => $"{level.Name}: {Number(level.Y)}."),
    ]);

    private string Number(double value) => IsShare ? string.Create(CultureInfo.InvariantCulture, $"{value * 100:0.#}%") : Scale.Short(value);
}
