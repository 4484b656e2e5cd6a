using System.Text.RegularExpressions;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Parsing;

/// <summary>
/// Splits what a large model wrote into rationale and label. Models run on past their answer with questions of their own:
/// nothing after the first such question counts.
/// </summary>
internal static partial class AnswerParser
{
    private static readonly string[] NliLabels = ["entailment", "neutral", "contradiction"];

    /// <summary>Reads an answer.</summary>
    /// <param name="text">What the model wrote.</param>
    /// <param name="form">What labels look like.</param>
    /// <param name="input">The input, where its options stand (<see cref="AnswerForm.Choice"/>).</param>
    /// <param name="isCut">Whether the model was stopped by a limit.</param>
    public static (ParseOutcome Outcome, string Rationale, string Label) Parse(string text, AnswerForm form, string input, bool isCut)
    {
        var question = NextQuestion().Match(text);
        var own = (question.Success ? text[..question.Index] : text).Trim();
        var answer = AnswerSentence().Match(own);
        if (!answer.Success)
        {
            var outcome = Refusal().IsMatch(own) ? ParseOutcome.Refusal : isCut && !question.Success ? ParseOutcome.Truncated : ParseOutcome.NoLabel;
            return (outcome, own, "");
        }

        var rationale = own[..answer.Index].Trim();
        var said = answer.Groups["answer"].Value.Trim().TrimEnd('.').Trim();
        // Without a sentence's end there is no telling how much of the label is missing.
        if (isCut && !question.Success && !answer.Groups["end"].Success)
        {
            return (ParseOutcome.Truncated, rationale, "");
        }

        return Label(said, form, input) is not { } label ? (ParseOutcome.LabelOutsideSet, rationale, "")
            : rationale.Length == 0 ? (ParseOutcome.EmptyRationale, "", label)
            : (ParseOutcome.Parsed, rationale, label);
    }

    private static string? Label(string said, AnswerForm form, string input) => form switch
    {
        AnswerForm.Choice => Choice(said, input),
        AnswerForm.Nli => NliLabels.Where(label => said.Contains(label, StringComparison.OrdinalIgnoreCase)).ToArray() is [var only] ? only : null,
        AnswerForm.Equation => Equation().IsMatch(said) ? said : null,
        _ => said.Length > 0 ? said : null,
    };

    // By its letter, or by its whole text; two options are none.
    private static string? Choice(string said, string input)
    {
        var options = Option().Matches(input).ToDictionary(match => match.Groups["letter"].Value, match => match.Groups["text"].Value.Trim(), StringComparer.OrdinalIgnoreCase);
        var letters = Letter().Matches(said).Select(match => match.Groups["letter"].Value.ToLowerInvariant()).Distinct().ToArray();
        return letters.Length switch
        {
            0 => options.Values.FirstOrDefault(option => string.Equals(option, said, StringComparison.OrdinalIgnoreCase)),
            1 => options.GetValueOrDefault(letters[0]),
            _ => null,
        };
    }

    [GeneratedRegex(@"\n\s*(Q|Question)\s*:", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex NextQuestion();

    [GeneratedRegex(@"\b(so |therefore,? |thus,? |hence,? )?the answer is:?\s*(?<answer>[^\n]*?)(?<end>\.\s*$|\.?\s*\n|\.\s+(?=[A-Z]))?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Multiline, 1000)]
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
