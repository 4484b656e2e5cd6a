namespace DistillGrpc.Cli.Sweep.Statistics;

/// <summary>Student's t distribution: what few seeds permit to say of a mean.</summary>
internal static class StudentT
{
    /// <summary>The 95% interval of a mean, or null of fewer than two values, which say nothing about their spread.</summary>
    public static Interval? Of(IReadOnlyCollection<double> values)
    {
        if (values.Count < 2)
        {
            return null;
        }

        var (mean, half) = (values.Average(), Quantile(0.975, values.Count - 1) * Deviation(values) / Math.Sqrt(values.Count));
        return new Interval(mean, mean - half, mean + half, values.Count);
    }

    /// <summary>The sample's standard deviation, with n - 1; 0 of fewer than two values.</summary>
    public static double Deviation(IReadOnlyCollection<double> values)
    {
        var mean = values.Count == 0 ? 0 : values.Average();
        return values.Count < 2 ? 0 : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1));
    }

    /// <summary>The value below which a share of the distribution lies, found by halving.</summary>
    /// <param name="share">Above one half, below 1.</param>
    /// <param name="freedom">Degrees of freedom, at least 1.</param>
    public static double Quantile(double share, int freedom)
    {
        var (low, high) = (0.0, 1.0);
        while (Cumulative(high, freedom) < share)
        {
            high *= 2;
        }

        for (var i = 0; i < 100; i++)
        {
            var middle = (low + high) / 2;
            (low, high) = Cumulative(middle, freedom) < share ? (middle, high) : (low, middle);
        }

        return (low + high) / 2;
    }

    // Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4: exact for whole degrees of freedom.
    private static double Cumulative(double t, int freedom)
    {
        var angle = Math.Atan(t / Math.Sqrt(freedom));
        var (cos, sin) = (Math.Cos(angle), Math.Sin(angle));
        var isOdd = freedom % 2 == 1;
        var (term, sum) = (isOdd ? cos : 1.0, freedom == 1 ? 0 : isOdd ? cos : 1.0);
        for (var i = isOdd ? 3 : 2; i < freedom; i += 2)
        {
            term *= cos * cos * (i - 1) / i;
            sum += term;
        }

        var within = isOdd ? 2 / Math.PI * (angle + (sin * sum)) : sin * sum;
        return 0.5 + (within / 2);
    }
}
