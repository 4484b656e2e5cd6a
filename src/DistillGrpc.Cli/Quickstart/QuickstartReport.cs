using System.Globalization;

namespace DistillGrpc.Cli.Quickstart;

/// <summary>What came out. Accuracies are shares of the held-out rows, times are in seconds or milliseconds.</summary>
internal sealed record QuickstartReport(
    double LabelOnlyAccuracy, double LabelOnlyEqualComputeAccuracy, double DssAccuracy, double MajorityAccuracy, double NearestAccuracy, int HeldOutRows,
    string RationaleSample, double TrainSeconds, double LabelOnlyTrainSeconds, double LabelP50Ms, double LabelP95Ms, double TrainTokensPerSecond, double RationaleTokensPerSecond, int TeacherRows, double Flops, long PeakMemoryBytes, int Seed)
{
    public void Print()
    {
        Console.WriteLine($"\n  {"on " + HeldOutRows + " held-out rows",-42} right");
        foreach (var (name, share) in new[]
        {
            ("commonest label", MajorityAccuracy), ("label of the nearest training question", NearestAccuracy), ("student, label only, equal label steps", LabelOnlyAccuracy),
            ("student, label only, equal compute", LabelOnlyEqualComputeAccuracy), ("student, step by step", DssAccuracy),
        })
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {name,-42} {share * 100,5:0.0}%  {new string('#', (int)Math.Round(share * 30))}"));
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"\n  {TeacherRows} rows from the teacher; training: {TrainSeconds:0} s at {TrainTokensPerSecond:0} tokens/s, peak memory {PeakMemoryBytes / 1048576} MiB, seed {Seed}"));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  answering: a label in {LabelP50Ms:0.0} ms (p50), {LabelP95Ms:0.0} ms (p95); rationales at {RationaleTokensPerSecond:0} tokens/s, one at a time"));
    }
}
