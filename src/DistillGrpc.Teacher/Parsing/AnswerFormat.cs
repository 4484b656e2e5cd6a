using System.Text.RegularExpressions;

namespace DistillGrpc.Teacher.Parsing;

/// <summary>How a label is read from what a model wrote.</summary>
/// <param name="Form">What labels look like.</param>
/// <param name="Labels">The labels that exist (<see cref="AnswerForm.Nli"/>, <see cref="AnswerForm.Classification"/>).</param>
/// <param name="Pattern">Finds <c>label</c> and, where it has one, <c>rationale</c> (<see cref="AnswerForm.Pattern"/>).</param>
/// <param name="IsStructured">The model is made to write a JSON object with <c>rationale</c> and <c>label</c>.</param>
internal sealed record AnswerFormat(AnswerForm Form, IReadOnlyList<string> Labels, Regex? Pattern, bool IsStructured)
{
    private static readonly string[] NliLabels = ["entailment", "neutral", "contradiction"];

    /// <summary>A form that needs nothing else.</summary>
    public static AnswerFormat Of(AnswerForm form) => Create(form, [], "");

    /// <summary>A form with what it needs.</summary>
    /// <exception cref="ArgumentException">Something is missing, too much, or not a regular expression that runs in linear time.</exception>
    public static AnswerFormat Create(AnswerForm form, IReadOnlyList<string> labels, string pattern, bool isStructured = false)
    {
        if (form == AnswerForm.Classification != labels.Count > 0 || labels.Any(string.IsNullOrWhiteSpace))
        {
            throw new ArgumentException("labels: 'classification' needs them, none empty; the other answers have none");
        }

        if (labels.Distinct(StringComparer.OrdinalIgnoreCase).Count() != labels.Count)
        {
            throw new ArgumentException("labels: one comes twice");
        }

        if (form == AnswerForm.Pattern != pattern.Length > 0)
        {
            throw new ArgumentException("pattern: 'pattern' needs one; the other answers have none");
        }

        if (isStructured && form == AnswerForm.Pattern)
        {
            throw new ArgumentException("structured: 'pattern' reads text");
        }

        return new AnswerFormat(form, form == AnswerForm.Nli ? NliLabels : labels, pattern.Length > 0 ? Compile(pattern) : null, isStructured);
    }

    // What a model wrote is matched against it: without backtracking no text takes long.
    private static Regex Compile(string pattern)
    {
        Regex regex;
        try
        {
            regex = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (Exception refused) when (refused is ArgumentException or NotSupportedException)
        {
            throw new ArgumentException($"pattern: {refused.Message}", refused);
        }

        return regex.GetGroupNames().Contains("label") ? regex : throw new ArgumentException("pattern: it needs a group (?<label>...)");
    }
}
