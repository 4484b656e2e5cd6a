using System.Globalization;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Teacher.Parsing;

namespace DistillGrpc.Teacher.Quality;

/// <summary>When two labels are the same: whatever their case and spacing, and equations by their value.</summary>
internal static class LabelComparison
{
    /// <summary>Equal for labels that are the same.</summary>
    public static string KeyOf(string label, AnswerForm form) => form == AnswerForm.Equation && Equation.TryEvaluate(label, out var value)
        ? Math.Round(value, 6).ToString("R", CultureInfo.InvariantCulture)
        : string.Join(' ', label.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).ToUpperInvariant();

    /// <summary>Whether a teacher's label is the gold one. An arithmetic row may have its value in <c>answer</c> instead.</summary>
    public static bool IsGold(string label, string gold, string answer, AnswerForm form) =>
        label.Length > 0 && (KeyOf(label, form) == KeyOf(gold, form) || (form == AnswerForm.Equation && answer.Length > 0 && KeyOf(label, form) == KeyOf(answer, form)));
}
