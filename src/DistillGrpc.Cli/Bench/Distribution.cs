namespace DistillGrpc.Cli.Bench;

/// <summary>How numbers are spread. Percentiles are interpolated between neighbours, as NumPy's are.</summary>
/// <param name="Mean">Their mean.</param>
/// <param name="P50">Their median.</param>
/// <param name="P95">95 of a hundred are not above it.</param>
/// <param name="P99">99 of a hundred are not above it.</param>
/// <param name="Min">The least.</param>
/// <param name="Max">The greatest.</param>
internal sealed record Distribution(double Mean, double P50, double P95, double P99, double Min, double Max)
{
    /// <summary>That of some numbers; null where there are none.</summary>
    public static Distribution? Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? null : new Distribution(sorted.Average(), At(sorted, 0.5), At(sorted, 0.95), At(sorted, 0.99), sorted[0], sorted[^1]);
    }

    private static double At(double[] sorted, double share)
    {
        var place = share * (sorted.Length - 1);
        var below = (int)place;
        return below + 1 < sorted.Length ? sorted[below] + ((place - below) * (sorted[below + 1] - sorted[below])) : sorted[below];
    }
}
