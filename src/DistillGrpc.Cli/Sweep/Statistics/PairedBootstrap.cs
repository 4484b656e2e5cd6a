namespace DistillGrpc.Cli.Sweep.Statistics;

/// <summary>
/// The paired bootstrap: how far the mean of row by row differences would move with other held-out rows. Rows of one group (a premise) are
/// drawn together, since they are right and wrong together, and an interval over them one by one would be too narrow.
/// </summary>
internal static class PairedBootstrap
{
    private const int Draws = 5000;

    /// <summary>The 95% interval (percentiles) of the mean difference; null of fewer than two groups.</summary>
    /// <param name="differences">Each row's group, and what one student's correctness is above the other's.</param>
    /// <param name="seed">Of the draws.</param>
    public static Interval? Of(IEnumerable<(string Group, double Difference)> differences, int seed)
    {
        var groups = differences.GroupBy(row => row.Group, StringComparer.Ordinal).Select(rows => (Sum: rows.Sum(row => row.Difference), Rows: rows.Count())).ToArray();
        if (groups.Length < 2)
        {
            return null;
        }

        var random = new Random(seed);
        var means = new double[Draws];
        for (var draw = 0; draw < Draws; draw++)
        {
            var (sum, rows) = (0.0, 0);
            for (var i = 0; i < groups.Length; i++)
            {
                var drawn = groups[random.Next(groups.Length)];
                (sum, rows) = (sum + drawn.Sum, rows + drawn.Rows);
            }

            means[draw] = sum / rows;
        }

        Array.Sort(means);
        return new Interval(groups.Sum(group => group.Sum) / groups.Sum(group => group.Rows), means[Draws / 40], means[Draws - 1 - (Draws / 40)], groups.Length);
    }
}
