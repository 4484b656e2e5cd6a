using System.Globalization;
using System.Text;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Training;

/// <summary>What a run would be, as people read it.</summary>
internal static class ValidationText
{
    private const int ShownLabels = 10;

    public static string Of(TrainingValidation found)
    {
        var text = new StringBuilder();
        void Line(string name, FormattableString value) => text.Append(CultureInfo.InvariantCulture, $"{name,-12}{value.ToString(CultureInfo.InvariantCulture)}").AppendLine();
        Line("rows", $"{found.Rows}: {found.LabelRows} label targets, {found.RationaleRows} rationale targets{Also(found.RowsToTeach, "for the Teacher")}; {found.EvaluationRows} held out");
        Line("labels", $"{found.DistinctLabels}: {string.Join(", ", found.Labels.Take(ShownLabels).Select(label => $"{label.Label} ({label.Rows})"))}{(found.DistinctLabels > ShownLabels ? ", ..." : "")}");
        foreach (var (name, lengths, cut) in new[] { ("inputs", found.Inputs, found.TruncatedInputs), ("label", found.LabelTargets, 0), ("rationale", found.RationaleTargets, found.TruncatedTargets) })
        {
            if (lengths is not null)
            {
                Line(name, $"{lengths.Median} tokens, 95% at most {lengths.P95}, longest {lengths.Longest}{Also(cut, name == "inputs" ? "cut" : "targets cut")}");
            }
        }

        if (found.Parameters > 0)
        {
            Line("student", $"{found.Parameters / 1e6:0.0} million parameters, {found.VocabularySize} ids");
        }

        if (found.Time is { } time)
        {
            Line("takes", $"about {time.ToTimeSpan():d\\.hh\\:mm\\:ss} as the machine is now, {found.Flops / 1e12:0.0} TFLOP, {found.MemoryBytes / 1e6:0} MB");
        }

        foreach (var warning in found.Warnings)
        {
            Line("warning", $"{warning.Message}");
        }

        return text.ToString();
    }

    private static string Also(int count, string what) => count > 0 ? string.Create(CultureInfo.InvariantCulture, $", {count} {what}") : "";
}
