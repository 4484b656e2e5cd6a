using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>The first held-out rows, to be looked at.</summary>
internal static class ReportSamples
{
    /// <summary>Rows that are shown where nobody said how many.</summary>
    public const int Default = 10;

    /// <summary>Most rows that may be asked for.</summary>
    public const int Most = 1000;

    /// <summary>Most bytes of all samples: a result goes over the wire whenever somebody asks for its job.</summary>
    public const int MostBytes = 1 << 20;

    /// <summary>How many a run asks for.</summary>
    public static int Wanted(TrainingSpec spec) => spec.Report is { Samples: > 0 and var samples } ? samples : Default;

    /// <summary>Rows and answers side by side, as many as fit.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="answers">An answer for each of them.</param>
    /// <param name="wanted">How many.</param>
    public static IEnumerable<ReportSample> Of(IReadOnlyList<Example> rows, IReadOnlyList<StudentAnswer> answers, int wanted)
    {
        var bytes = 0;
        foreach (var (row, answer) in rows.Zip(answers).Take(wanted))
        {
            var sample = new ReportSample { Example = row.Clone(), Label = answer.Label, Rationale = answer.Rationale, RationaleOfLabel = answer.RationaleOfLabel };
            // Distributions and log-probabilities are many times the row, and nobody looks at them here.
            sample.Example.Teaching = null;
            bytes += sample.CalculateSize();
            if (bytes > MostBytes)
            {
                yield break;
            }

            yield return sample;
        }
    }
}
