namespace DistillGrpc.Cli.Sweep.Statistics;

/// <summary>A mean and the ends of its 95% interval.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="Low">Its lower end.</param>
/// <param name="High">Its upper end.</param>
/// <param name="Count">What it is a mean of, or how many independent things were drawn.</param>
internal sealed record Interval(double Mean, double Low, double High, int Count);
