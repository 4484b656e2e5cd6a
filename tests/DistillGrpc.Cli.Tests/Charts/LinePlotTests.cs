using System.Globalization;
using DistillGrpc.Cli.Charts;

namespace DistillGrpc.Cli.Tests.Charts;

public sealed class LinePlotTests
{
    [Fact]
    public void ToSvg_SeveralPointsOverOnePlace_StandBesideOneAnother()
    {
        var places = Marks([0.5, 0.51, 0.52], _ => 100);

        Assert.Equal(3, places.Distinct().Count());
        Assert.Equal(places.Order(), places);
        Assert.InRange(places[^1] - places[0], 20, 200);
    }

    [Fact]
    public void ToSvg_PointsOverSeveralPlaces_StandWhereTheyAre()
    {
        var places = Marks([0.5, 0.51, 0.52], series => series == 0 ? 50 : 100);

        Assert.Equal(places[1], places[2]);
        Assert.True(places[0] < places[1]);
    }

    // All of colour 0: its mark is a circle.
    private static double[] Marks(double[] values, Func<int, double> at)
    {
        var plot = new LinePlot("title", "rows", "share", [.. values.Select((value, i) => new Series($"{i}", 0, false, [new SeriesPoint(at(i), value)]))], []);
        return [.. plot.ToSvg().Descendants("circle").Select(circle => double.Parse(circle.Attribute("cx")!.Value, CultureInfo.InvariantCulture))];
    }
}
