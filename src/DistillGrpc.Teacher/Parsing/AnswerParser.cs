using System.Text.RegularExpressions;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Parsing;

/// <summary>
/// Splits what a large model wrote into rationale and label. Models run on past their answer with questions of their own:
/// nothing after the first such question counts. An answer that is said twice counts once; two that differ are none.
/// </summary>
internal static partial class AnswerParser
{
    // A text that says it more often says nothing new.
    private const int MostAnswers = 64;

    /// <summary>Reads an answer.</summary>
    /// <param name="text">What the model wrote.</param>
    /// <param name="format">What labels look like.</param>
    /// <param name="input">The input, where its options stand (<see cref="AnswerForm.Choice"/>).</param>
    /// <param name="isCut">Whether the model was stopped by a limit.</param>
    /// <param name="echo">Knows what the model was shown; null where nobody does.</param>
    public static ParsedAnswer Parse(string text, AnswerFormat format, string input, bool isCut, Echo? echo = null)
    {
        var (start, repeats) = Beginning(text, echo);
        var question = NextQuestion().Match(text, start);
        var end = question.Success ? question.Index : text.Length;
        start += text.AsSpan(start, end - start).Length - text.AsSpan(start, end - start).TrimStart().Length;
        var own = text[start..end].TrimEnd();
        if (echo?.IsIn(own) == true)
        {
            return new ParsedAnswer(ParseOutcome.Echo, "", "");
        }

        // A question of the model's own is an end.
        var isOpen = isCut && !question.Success && (start < text.Length || text.Length == 0);
        var answers = format.Pattern is { } pattern ? Matched(own, pattern, isOpen) : Spoken(own, format, isOpen);
        if (answers.Count == 0)
        {
            answers = format.Pattern is not null && JsonAnswer.IsLikely(own) ? Json(own, format) : answers;
        }

        if (answers.Count > 0)
        {
            return Decide(answers, format, input, start);
        }

        var outcome = Refusal().IsMatch(own) ? ParseOutcome.Refusal : isOpen ? ParseOutcome.Truncated : repeats ? ParseOutcome.Echo : ParseOutcome.NoLabel;
        return new ParsedAnswer(outcome, own, "");
    }

    // Where the answer begins: after the question, where it is repeated. Another question at the beginning is answered by nothing that follows.
    private static (int Start, bool Repeats) Beginning(string text, Echo? echo)
    {
        var marker = QuestionMarker().Match(text);
        var start = marker.Success ? marker.Length : 0;
        var after = echo?.SkipQuestion(text, start) ?? -1;
        if (after < 0)
        {
            return (marker.Success ? text.Length : AnswerMarker().Match(text).Length, false);
        }

        return (after + AnswerMarker().Match(text[after..]).Length, true);
    }

    private static ParsedAnswer Decide(List<Answer> answers, AnswerFormat format, string input, int start)
    {
        // Without a sentence's end there is no telling how much of the label is missing.
        if (answers.Exists(answer => answer.IsUnfinished))
        {
            return new ParsedAnswer(ParseOutcome.Truncated, answers[0].Rationale, "");
        }

        var named = answers.SelectMany(answer => Named(answer.Said, format, input).Select(name => (name.Label, At: start + answer.At + name.At, answer.Rationale))).ToList();
        if (named.Count == 0)
        {
            return new ParsedAnswer(ParseOutcome.LabelOutsideSet, answers[0].Rationale, "");
        }

        var (label, at, rationale) = named[0];
        return named.Exists(other => !Equal(other.Label, label, format)) ? new ParsedAnswer(ParseOutcome.SeveralLabels, answers[0].Rationale, "")
            : new ParsedAnswer(rationale.Length == 0 ? ParseOutcome.EmptyRationale : ParseOutcome.Parsed, rationale, label) { LabelAt = at };
    }

    private static bool Equal(string label, string other, AnswerFormat format) => format.Form == AnswerForm.Equation
        ? Bare(label) == Bare(other)
        : string.Equals(label, other, StringComparison.OrdinalIgnoreCase);

    // Spaces and parentheses around the whole make no other expression.
    private static string Bare(string equation)
    {
        var bare = equation.Replace(" ", "", StringComparison.Ordinal);
        return bare.StartsWith('(') && bare.EndsWith(')') && bare.IndexOf(')', StringComparison.Ordinal) == bare.Length - 1 ? bare[1..^1] : bare;
    }

    private static List<Answer> Matched(string own, Regex pattern, bool isOpen)
    {
        var match = pattern.Match(own);
        if (!match.Success)
        {
            return [];
        }

        var rationale = match.Groups["rationale"].Success ? match.Groups["rationale"].Value : own[..match.Index];
        var (at, length) = Bounds(own, match.Groups["label"].Index, match.Groups["label"].Index + match.Groups["label"].Length);
        return [new Answer(own.Substring(at, length), at, rationale.Trim(), isOpen && match.Index + match.Length == own.Length)];
    }

    private static List<Answer> Spoken(string own, AnswerFormat format, bool isOpen)
    {
        if (format.IsStructured || JsonAnswer.IsLikely(own))
        {
            var json = Json(own, format);
            if (json.Count > 0)
            {
                return json;
            }
        }

        var answers = new List<Answer>();
        for (var match = AnswerPhrase().Match(own); match.Success && answers.Count < MostAnswers; match = match.NextMatch())
        {
            var from = match.Index + match.Length;
            var line = own.IndexOf('\n', from) is >= 0 and var found ? found : own.Length;
            var next = AnswerPhrase().Match(own, from) is { Success: true } other && other.Index < line ? other.Index : -1;
            var to = next < 0 ? line : ClauseEnd().Match(own, from, next - from) is { Success: true } clause ? clause.Index : next;
            var (at, length) = Bounds(own, from, to);
            var isFinished = next >= 0 || line < own.Length || own.AsSpan().TrimEnd('*').EndsWith(".");
            answers.Add(new Answer(own.Substring(at, length), at, own[..match.Index].TrimEnd().TrimEnd('*').Trim(), isOpen && !isFinished));
        }

        return answers;
    }

    private static List<Answer> Json(string own, AnswerFormat format) =>
        [.. JsonAnswer.Find(own, needsRationale: !format.IsStructured).Select(answer => new Answer(answer.Label.Trim(), answer.At, answer.Rationale, false))];

    // Without white space, a full stop and marks of emphasis around it.
    private static (int At, int Length) Bounds(string text, int from, int to)
    {
        while (to > from && (char.IsWhiteSpace(text[to - 1]) || text[to - 1] is '.' or '*'))
        {
            to--;
        }

        while (from < to && (char.IsWhiteSpace(text[from]) || text[from] == '*'))
        {
            from++;
        }

        return to - from > 2 && text[from] == text[to - 1] && text[from] is '_' or '`' or '"' ? Bounds(text, from + 1, to - 1) : (from, to - from);
    }

    // What was said names none, one or several labels.
    private static IEnumerable<(string Label, int At)> Named(string said, AnswerFormat format, string input) => format.Form switch
    {
        AnswerForm.Choice => Choice(said, input),
        AnswerForm.Nli or AnswerForm.Classification => OneOf(said, format.Labels),
        AnswerForm.Equation => Equation().IsMatch(said) ? [(said, 0)] : [],
        _ => said.Length > 0 ? [(said, 0)] : [],
    };

    /// <summary>The options that an input ends with, by their letters.</summary>
    public static IReadOnlyDictionary<string, string> OptionsOf(string input)
    {
        var options = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (Match option in Option().Matches(input))
        {
            options.TryAdd(option.Groups["letter"].Value, option.Groups["text"].Value.Trim());
        }

        return options;
    }

    // By letters, or by one option's whole text. A letter that no option has makes the others uncertain.
    private static IEnumerable<(string Label, int At)> Choice(string said, string input)
    {
        var options = OptionsOf(input);
        var letters = Letter().Matches(said);
        return letters.Count == 0 ? options.Values.Where(option => string.Equals(option, said, StringComparison.OrdinalIgnoreCase)).Take(1).Select(option => (option, 0))
            : letters.All(letter => options.ContainsKey(letter.Groups["letter"].Value)) ? letters.Select(letter => (options[letter.Groups["letter"].Value], letter.Index))
            : [];
    }

    // "very positive" also says "positive": a label inside another that was said does not count.
    private static IEnumerable<(string Label, int At)> OneOf(string said, IReadOnlyList<string> labels)
    {
        var named = labels.Select(label => (Label: label, At: Says(said, label))).Where(name => name.At >= 0).ToArray();
        return named.Where(name => !named.Any(other => other.Label.Length > name.Label.Length && Says(other.Label, name.Label) >= 0));
    }

    // Where a text says a label as words of their own, and does not deny it; -1 where it does not.
    private static int Says(string text, string label)
    {
        for (var at = text.IndexOf(label, StringComparison.OrdinalIgnoreCase); at >= 0; at = text.IndexOf(label, at + 1, StringComparison.OrdinalIgnoreCase))
        {
            var end = at + label.Length;
            if ((at == 0 || !char.IsLetterOrDigit(text[at - 1])) && (end == text.Length || !char.IsLetterOrDigit(text[end])) && !text.AsSpan(0, at).TrimEnd().EndsWith("not", StringComparison.OrdinalIgnoreCase))
            {
                return at;
            }
        }

        return -1;
    }

    [GeneratedRegex(@"\n[^\S\n]*(Q|Question)\s*:", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex NextQuestion();

    [GeneratedRegex(@"^\s*(Q|Question)\s*:", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex QuestionMarker();

    [GeneratedRegex(@"^\s*A\s*:", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex AnswerMarker();

    [GeneratedRegex(@"\b(so |therefore,? |thus,? |hence,? )?the answer is:?\s*", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex AnswerPhrase();

    [GeneratedRegex(@"[.,;!?]\s", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex ClauseEnd();

    [GeneratedRegex(
        @"^\s*(I(['’]m| am) ((very|so|really|deeply) )?(sorry|unable|not able|not going to|not comfortable|afraid)|sorry,? (but )?I|I (can(not|['’]t| not)|won['’]t|will not|do(n['’]t| not) feel comfortable|(must |have to )?decline|apologi[sz]e)|as an AI|unfortunately,? I (can(not|['’]t| not)|am|['’]m))\b",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Refusal();

    [GeneratedRegex(@"^[^\S\n]*\((?<letter>[a-z])\)[^\S\n]*(?<text>[^\n]*)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Multiline, 1000)]
    private static partial Regex Option();

    [GeneratedRegex(@"\((?<letter>[a-z])\)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Letter();

    [GeneratedRegex(@"^(?=.*[0-9])[0-9 .+\-*/()]+$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Equation();

    private readonly record struct Answer(string Said, int At, string Rationale, bool IsUnfinished);
}
