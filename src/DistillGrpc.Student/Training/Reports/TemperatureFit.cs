using DistillGrpc.Modeling.Decoding;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// Finds the temperature under which gold labels are as likely as can be (Guo et al. 2017, arXiv 1706.04599), here at every choice between tokens. To the rows comes one
/// of which every label is as likely the gold one: where the student is right about all of them, it still is not to be certain.
/// </summary>
internal static class TemperatureFit
{
    /// <summary>The least temperature that is looked at.</summary>
    public const double Least = 0.05;

    /// <summary>The highest.</summary>
    public const double Most = 20;

    private const double Precision = 1e-4;
    private static readonly double Golden = (Math.Sqrt(5) - 1) / 2;

    /// <summary>Fits it to rows: what the model gives at every choice, and which sequence is the gold label.</summary>
    public static double Of(IReadOnlyList<(ChoiceLogits Choices, int Gold)> rows)
    {
        // The loss is convex in the temperature's inverse, so that it falls and then rises over its logarithm too: golden-section search.
        var (low, high) = (Math.Log(Least), Math.Log(Most));
        var (first, second) = (high - (Golden * (high - low)), low + (Golden * (high - low)));
        var (atFirst, atSecond) = (Loss(rows, Math.Exp(first)), Loss(rows, Math.Exp(second)));
        while (high - low > Precision)
        {
            if (atFirst <= atSecond)
            {
                (high, second, atSecond) = (second, first, atFirst);
                first = high - (Golden * (high - low));
                atFirst = Loss(rows, Math.Exp(first));
            }
            else
            {
                (low, first, atFirst) = (first, second, atSecond);
                second = low + (Golden * (high - low));
                atSecond = Loss(rows, Math.Exp(second));
            }
        }

        return Math.Exp((low + high) / 2);
    }

    private static double Loss(IReadOnlyList<(ChoiceLogits Choices, int Gold)> rows, double temperature)
    {
        var (gold, any) = (0.0, 0.0);
        foreach (var (choices, label) in rows)
        {
            var logs = choices.LogProbabilities(temperature);
            gold -= logs[label];
            any -= logs.Average();
        }

        return gold + (any / rows.Count);
    }
}
