namespace DistillGrpc.Cli.Charts;

/// <summary>A line of a picture.</summary>
/// <param name="Name">What it shows.</param>
/// <param name="Color">Number of its colour and mark; the same thing has the same one in every picture.</param>
/// <param name="IsDashed">Whether its line is dashed.</param>
/// <param name="Points">Its points, from left to right.</param>
internal sealed record Series(string Name, int Color, bool IsDashed, IReadOnlyList<SeriesPoint> Points);

/// <summary>A point of a line: a mean, how far its values spread, and the values.</summary>
internal sealed record SeriesPoint(double X, double Y, IReadOnlyList<double> Values)
{
    public SeriesPoint(double x, double y)
        : this(x, y, [])
    {
    }
}

/// <summary>A horizontal line that others are measured by.</summary>
/// <param name="Name">What it shows.</param>
/// <param name="Y">Where it lies.</param>
/// <param name="Style">Its class in the page's style: <c>teacher</c> is dashed, <c>floor</c> dotted.</param>
internal sealed record Level(string Name, double Y, string Style);
