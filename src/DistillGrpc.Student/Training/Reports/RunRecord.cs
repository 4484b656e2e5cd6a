using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>What a run can be repeated from.</summary>
internal static class RunRecord
{
    /// <summary>Writes it down.</summary>
    /// <param name="asked">The run as it was asked for.</param>
    /// <param name="dataset">The rows that were learnt from, <c>datasets/{id}</c>.</param>
    /// <param name="rows">These rows: who taught them is what they say.</param>
    /// <param name="threads">Threads of the run.</param>
    public static ReproducibilityRecord Of(TrainingSpec asked, string dataset, IReadOnlyList<Example> rows, int threads)
    {
        var record = new ReproducibilityRecord { Spec = asked.Clone(), Dataset = dataset, EvaluationDataset = asked.EvaluationDataset, Threads = threads };
        var taught = rows.Select(row => row.Teaching?.Provenance).OfType<Provenance>().ToArray();
        record.PromptHashes.AddRange(Distinct(taught.Select(provenance => provenance.PromptHash)));
        record.TeacherModels.AddRange(Distinct(taught.Select(provenance => provenance.Model)));
        record.Software.Add(RunSoftware.Names.ToDictionary());
        if (RunSoftware.Processor() is { Length: > 0 } processor)
        {
            record.Software.Add("processor", processor);
        }

        return record;
    }

    private static IEnumerable<string> Distinct(IEnumerable<string> names) => names.Where(name => name.Length > 0).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
}
