using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>How probabilities did, from every label's (its natural logarithm) and which is the gold one.</summary>
internal static class ProbabilityMetrics
{
    /// <summary>Bins of the calibration error and the reliability diagram, of equal width from 0 to 1.</summary>
    public const int Bins = 15;

    private const int RiskPoints = 20;

    /// <summary>Accuracy, calibration error, log loss and Brier score.</summary>
    /// <param name="logs">For every row the logarithms of its labels' probabilities.</param>
    /// <param name="gold">For every row which label is the gold one.</param>
    public static ProbabilityFigures Figures(IReadOnlyList<double[]> logs, IReadOnlyList<int> gold)
    {
        var answers = Answers(logs, gold);
        var bins = answers.GroupBy(answer => Math.Min(Bins - 1, (int)(answer.Probability * Bins))).OrderBy(bin => bin.Key).Select(bin => new ReliabilityBin
        {
            Rows = bin.Count(),
            Probability = bin.Average(answer => answer.Probability),
            Accuracy = bin.Average(answer => answer.IsRight ? 1.0 : 0),
        }).ToArray();
        return new ProbabilityFigures
        {
            Accuracy = answers.Average(answer => answer.IsRight ? 1.0 : 0),
            CalibrationError = bins.Sum(bin => bin.Rows * Math.Abs(bin.Accuracy - bin.Probability)) / answers.Length,
            LogLoss = logs.Zip(gold, (row, label) => -row[label]).Average(),
            BrierScore = logs.Zip(gold, Brier).Average(),
            Bins = { bins },
        };
    }

    /// <summary>What is wrong where only the surest rows are answered, and the mean of that over all coverages (Geifman and El-Yaniv 2017, arXiv 1705.08500).</summary>
    /// <inheritdoc cref="Figures"/>
    public static (IReadOnlyList<RiskPoint> Points, double Area) Risks(IReadOnlyList<double[]> logs, IReadOnlyList<int> gold)
    {
        var surest = Answers(logs, gold).OrderByDescending(answer => answer.Probability).ToArray();
        var (risks, wrong) = (new double[surest.Length], 0);
        for (var i = 0; i < risks.Length; i++)
        {
            wrong += surest[i].IsRight ? 0 : 1;
            risks[i] = (double)wrong / (i + 1);
        }

        var points = Enumerable.Range(1, RiskPoints).Select(point => ((surest.Length * point) + RiskPoints - 1) / RiskPoints).Select(rows => new RiskPoint
        {
            Coverage = (double)rows / surest.Length,
            Risk = risks[rows - 1],
            MinProbability = surest[rows - 1].Probability,
        });
        return ([.. points], risks.Average());
    }

    private static (double Probability, bool IsRight)[] Answers(IReadOnlyList<double[]> logs, IReadOnlyList<int> gold) =>
        [.. logs.Zip(gold, (row, label) => Array.IndexOf(row, row.Max()) is var best ? (Math.Exp(row[best]), best == label) : default)];

    private static double Brier(double[] logs, int gold) => logs.Index().Sum(label => Math.Pow(Math.Exp(label.Item) - (label.Index == gold ? 1 : 0), 2));
}
