using System.Text.RegularExpressions;
using DistillGrpc.Teacher.Parsing;

namespace DistillGrpc.Teacher.Quality;

/// <summary>
/// Whether a rationale states the label outright: a student can copy it instead of reasoning. The name of a class counts
/// wherever it stands; other labels may well be a part of the reason, and count where they are called the answer.
/// </summary>
internal static partial class LabelLeak
{
    public static bool IsIn(string rationale, string label, AnswerForm form)
    {
        var said = Words.Of(label);
        return form is AnswerForm.Nli or AnswerForm.Classification
            ? Words.Contain(Words.Of(rationale), said)
            : Verdicts().Matches(rationale).Any(match => Words.Contain(Words.Of(match.Groups["rest"].Value), said));
    }

    [GeneratedRegex(@"\b(answer|label|choice|option|solution|result)\b[^.\n]{0,40}?\b(is|are|be|equals)\b(?<rest>[^\n]{0,300})", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Verdicts();
}
