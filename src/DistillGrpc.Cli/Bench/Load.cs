using System.Globalization;

namespace DistillGrpc.Cli.Bench;

/// <summary>How requests come.</summary>
/// <param name="Concurrency">So many at once: each is followed by the next when it is answered. 0 with a rate.</param>
/// <param name="Rate">So many a second, whether earlier ones are answered or not. Null with a concurrency.</param>
/// <param name="Together">Those of a concurrency begin together, and the next ones when all are answered.</param>
internal sealed record Load(int Concurrency, double? Rate, bool Together)
{
    public override string ToString() => Rate is { } rate
        ? string.Create(CultureInfo.InvariantCulture, $"{rate:0.###} a second")
        : string.Create(CultureInfo.InvariantCulture, $"{Concurrency} at once{(Together ? ", together" : "")}");
}
