using System.Text.RegularExpressions;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Parsing;

/// <summary>
/// Splits what a large model wrote into rationale and label. Models run on past their answer with questions of their own:
/// nothing after the first such question counts.
/// </summary>
internal static partial class AnswerParser
{
    /// <summary>Reads an answer.</summary>
    /// <param name="text">What the model wrote.</param>
    /// <param name="format">What labels look like.</param>
    /// <param name="input">The input, where its options stand (<see cref="AnswerForm.Choice"/>).</param>
    /// <param name="isCut">Whether the model was stopped by a limit.</param>
    public static (ParseOutcome Outcome, string Rationale, string Label) Parse(string text, AnswerFormat format, string input, bool isCut)
    {
        var question = NextQuestion().Match(text);
        var own = (question.Success ? text[..question.Index] : text).Trim();
        var isOpen = isCut && !question.Success;
        var answer = (format.Pattern ?? AnswerSentence()).Match(own);
        if (!answer.Success)
        {
            return (Refusal().IsMatch(own) ? ParseOutcome.Refusal : isOpen ? ParseOutcome.Truncated : ParseOutcome.NoLabel, own, "");
        }

        var before = answer.Groups["rationale"].Success ? answer.Groups["rationale"].Value : own[..answer.Index];
        var rationale = before.Trim();
        // Without a sentence's end there is no telling how much of the label is missing.
        if (isOpen && (format.Pattern is null ? !answer.Groups["end"].Success : answer.Index + answer.Length == own.Length))
        {
            return (ParseOutcome.Truncated, rationale, "");
        }

        return Label(answer.Groups["label"].Value.Trim().TrimEnd('.').Trim(), format, input) is not { } label ? (ParseOutcome.LabelOutsideSet, rationale, "")
            : rationale.Length == 0 ? (ParseOutcome.EmptyRationale, "", label)
            : (ParseOutcome.Parsed, rationale, label);
    }

    private static string? Label(string said, AnswerFormat format, string input) => format.Form switch
    {
        AnswerForm.Choice => Choice(said, input),
        AnswerForm.Nli or AnswerForm.Classification => OneOf(said, format.Labels),
        AnswerForm.Equation => Equation().IsMatch(said) ? said : null,
        _ => said.Length > 0 ? said : null,
    };

    // By its letter, or by its whole text; two options are none.
    private static string? Choice(string said, string input)
    {
        var options = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (Match option in Option().Matches(input))
        {
            options.TryAdd(option.Groups["letter"].Value, option.Groups["text"].Value.Trim());
        }

        var letters = Letter().Matches(said).Select(match => match.Groups["letter"].Value.ToLowerInvariant()).Distinct().ToArray();
        return letters.Length switch
        {
            0 => options.Values.FirstOrDefault(option => string.Equals(option, said, StringComparison.OrdinalIgnoreCase)),
            1 => options.GetValueOrDefault(letters[0]),
            _ => null,
        };
    }

    // "very positive" also says "positive": a label inside another that was said does not count.
    private static string? OneOf(string said, IReadOnlyList<string> labels)
    {
        var named = labels.Where(label => Says(said, label)).ToArray();
        var whole = named.Where(label => !named.Any(other => other.Length > label.Length && Says(other, label))).ToArray();
        return whole is [var only] ? only : null;
    }

    private static bool Says(string text, string label)
    {
        for (var at = text.IndexOf(label, StringComparison.OrdinalIgnoreCase); at >= 0; at = text.IndexOf(label, at + 1, StringComparison.OrdinalIgnoreCase))
        {
            var end = at + label.Length;
            if ((at == 0 || !char.IsLetterOrDigit(text[at - 1])) && (end == text.Length || !char.IsLetterOrDigit(text[end])))
            {
                return true;
            }
        }

        return false;
    }

    [GeneratedRegex(@"\n\s*(Q|Question)\s*:", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex NextQuestion();

    [GeneratedRegex(@"\b(so |therefore,? |thus,? |hence,? )?the answer is:?\s*(?<label>[^\n]*?)(?<end>\.\s*$|\.?\s*\n|\.\s+(?=[A-Z]))?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Multiline, 1000)]
    private static partial Regex AnswerSentence();

    [GeneratedRegex(@"^\s*(I'm sorry|I am sorry|I cannot|I can't|As an AI)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Refusal();

    [GeneratedRegex(@"^\s*\((?<letter>[a-z])\)\s*(?<text>[^\n]*)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Multiline, 1000)]
    private static partial Regex Option();

    [GeneratedRegex(@"\((?<letter>[a-z])\)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Letter();

    [GeneratedRegex(@"^(?=.*[0-9])[0-9 .+\-*/()]+$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Equation();
}
