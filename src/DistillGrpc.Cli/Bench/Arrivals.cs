namespace DistillGrpc.Cli.Bench;

/// <summary>When requests come that know nothing of each other: a Poisson process, the same for the same seed.</summary>
internal static class Arrivals
{
    /// <summary>Times of arrival, from the beginning on, without end.</summary>
    /// <param name="rate">Arrivals a second, on average.</param>
    /// <param name="seed">The seed.</param>
    public static IEnumerable<TimeSpan> Poisson(double rate, int seed)
    {
        var random = new Random(seed);
        for (var seconds = 0.0; ;)
        {
            // 1 - u is never 0.
            seconds -= Math.Log(1 - random.NextDouble()) / rate;
            yield return TimeSpan.FromSeconds(seconds);
        }
    }
}
