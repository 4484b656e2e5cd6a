using System.Globalization;
using System.Xml.Linq;

namespace DistillGrpc.Cli.Charts;

/// <summary>Elements of a picture.</summary>
internal static class Svg
{
    /// <summary>Colours that the style has; further lines begin anew, with other marks.</summary>
    public const int Colors = 10;

    /// <summary>A picture that says what it is to whoever cannot see it.</summary>
    public static XElement Picture(double width, double height, string title, string description, params object?[] content) => new(
        "svg",
        new XAttribute("viewBox", $"0 0 {Text(width)} {Text(height)}"),
        new XAttribute("role", "img"),
        new XAttribute("style", $"max-width:{Text(width)}px"),
        new XAttribute("aria-label", $"{title}. {description}"),
        new XElement("title", title),
        new XElement("desc", description),
        content);

    public static XElement Line(double x1, double y1, double x2, double y2, string style) =>
        new("line", At("x1", x1), At("y1", y1), At("x2", x2), At("y2", y2), new XAttribute("class", style));

    public static XElement Label(double x, double y, string text, string style, double turned = 0) =>
        new("text", At("x", x), At("y", y), new XAttribute("class", style), turned == 0 ? null : new XAttribute("transform", $"rotate({Text(turned)} {Text(x)} {Text(y)})"), text);

    public static XElement Box(double x, double y, double width, double height, params object?[] content) =>
        new("rect", At("x", x), At("y", y), At("width", width), At("height", height), content);

    public static XElement Dot(double x, double y, double radius, string style) =>
        new("circle", At("cx", x), At("cy", y), At("r", radius), new XAttribute("class", style));

    public static XElement Path(IEnumerable<(double X, double Y)> points, string style) =>
        new("polyline", new XAttribute("points", string.Join(' ', points.Select(point => $"{Text(point.X)},{Text(point.Y)}"))), new XAttribute("class", style));

    /// <summary>A line's mark: its shape tells lines apart where colours do not.</summary>
    /// <param name="x">Where it stands.</param>
    /// <param name="y">Where it stands.</param>
    /// <param name="color">Its number.</param>
    /// <param name="isHollow">Of a dashed line.</param>
    /// <param name="title">What is said of it.</param>
    public static XElement Mark(double x, double y, int color, bool isHollow, string? title = null)
    {
        const double size = 4.5;
        var style = new XAttribute("class", isHollow ? $"hollow stroke{color % Colors}" : $"fill{color % Colors}");
        (double X, double Y)[]? corners = (color % 4) switch
        {
            1 => [(-size, -size), (size, -size), (size, size), (-size, size)],
            2 => [(0, -size - 1), (size + 1, size), (-size - 1, size)],
            3 => [(0, -size - 1.5), (size + 1.5, 0), (0, size + 1.5), (-size - 1.5, 0)],
            _ => null,
        };
        var content = title is null ? null : new XElement("title", title);
        return corners is null
            ? new XElement("circle", At("cx", x), At("cy", y), At("r", size), style, content)
            : new XElement("polygon", new XAttribute("points", string.Join(' ', corners.Select(corner => $"{Text(x + corner.X)},{Text(y + corner.Y)}"))), style, content);
    }

    private static XAttribute At(string name, double value) => new(name, Text(value));

    private static string Text(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
