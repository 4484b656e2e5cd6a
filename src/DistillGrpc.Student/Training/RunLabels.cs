using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Training.Reports;

namespace DistillGrpc.Student.Training;

/// <summary>The labels of a run's task.</summary>
internal static class RunLabels
{
    /// <summary>The labels that are learnt, in ordinal order; none where there are so many, or so long ones, that they are no classes.</summary>
    public static IReadOnlyList<string> Of(RunSpec spec, IReadOnlyList<Example> rows)
    {
        string[] labels = [.. rows.Select(row => RunRows.LabelOf(spec, row)).Where(label => label.Length > 0).Distinct(StringComparer.Ordinal).Take(LabelMetrics.MaxClasses + 1).Order(StringComparer.Ordinal)];
        return labels.Length <= LabelMetrics.MaxClasses && Array.TrueForAll(labels, label => label.Length <= LabelMetrics.MaxClassLength) ? labels : [];
    }
}
