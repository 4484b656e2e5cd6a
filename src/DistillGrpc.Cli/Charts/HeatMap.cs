using System.Globalization;
using System.Xml.Linq;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Charts;

/// <summary>Which label was predicted for which: a row for each gold label, the darker the larger its share of the row.</summary>
internal static class HeatMap
{
    private const int MostLabels = 20;
    private const double Cell = 44;
    private const double Top = 54;
    private const double LetterWidth = 7.5;

    /// <summary>The picture; null where nothing is known.</summary>
    public static XElement? ToSvg(string title, IEnumerable<ConfusionCell> confusion)
    {
        var counts = confusion.GroupBy(cell => (cell.Label, cell.Predicted)).ToDictionary(cells => cells.Key, cells => cells.Sum(cell => cell.Count));
        var labels = counts.GroupBy(cell => cell.Key.Label, StringComparer.Ordinal).OrderByDescending(label => label.Sum(cell => cell.Value)).Select(label => label.Key).Take(MostLabels).Order(StringComparer.Ordinal).ToArray();
        if (labels.Length == 0)
        {
            return null;
        }

        // What was predicted need not be anybody's gold label.
        var others = counts.Keys.Select(pair => pair.Predicted).Distinct().Where(given => !labels.Contains(given)).OrderByDescending(given => counts.Where(cell => cell.Key.Predicted == given).Sum(cell => cell.Value));
        string[] predicted = [.. labels, .. others.Take(MostLabels + 1 - labels.Length)];
        var left = 30 + (LetterWidth * Math.Min(18, labels.Max(label => label.Length)));
        var cells = labels.SelectMany((label, row) =>
        {
            var total = Math.Max(1, counts.Where(cell => cell.Key.Label == label).Sum(cell => cell.Value));
            return predicted.Select((given, column) => Drawn(label, given, counts.GetValueOrDefault((label, given)), total, left + (column * Cell), Top + (row * Cell)));
        });
        return Svg.Picture(
            Math.Max(left + (predicted.Length * Cell) + 10, 12 + (LetterWidth * title.Length)), Top + (labels.Length * Cell) + 10, title,
            string.Join(' ', labels.Select(label => $"Of {Name(label)}: {string.Join(", ", predicted.Where(given => counts.ContainsKey((label, given))).Select(given => $"{counts[(label, given)]} as {Name(given)}"))}.")),
            Svg.Label(4, 14, title, "heading"),
            Svg.Label(left, 32, "predicted", "tick"),
            predicted.Select((given, i) => Svg.Label(left + (i * Cell) + (Cell / 2), Top - 6, Short(Name(given), 7), "tick middle")),
            labels.Select((label, i) => Svg.Label(left - 6, Top + (i * Cell) + (Cell / 2) + 4, Short(Name(label), 18), "tick end")),
            cells);
    }

    private static XElement Drawn(string label, string given, int count, int total, double x, double y)
    {
        var share = (double)count / total;
        return new XElement(
            "g", new XElement("title", $"{Name(label)} predicted as {Name(given)}: {count} of {total}"),
            Svg.Box(x + 1, y + 1, Cell - 2, Cell - 2, new XAttribute("class", label == given ? "right" : "wrong"), new XAttribute("fill-opacity", (0.06 + (0.84 * share)).ToString("0.##", CultureInfo.InvariantCulture))),
            Svg.Label(x + (Cell / 2), y + (Cell / 2) + 4, count.ToString(CultureInfo.InvariantCulture), share > 0.55 ? "tick middle inverse" : "tick middle"));
    }

    private static string Name(string label) => label.Length == 0 ? "(other)" : label;

    private static string Short(string text, int most) => text.Length > most ? text[..(most - 1)] + "…" : text;
}
