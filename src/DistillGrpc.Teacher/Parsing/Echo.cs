namespace DistillGrpc.Teacher.Parsing;

/// <summary>Tells a prompt that came back from an answer. White space makes no difference.</summary>
/// <param name="question">The input as the model was asked.</param>
/// <param name="system">What the model was told.</param>
/// <param name="exemplars">The exemplars' questions and answers.</param>
internal sealed class Echo(string question, string system, IReadOnlyList<(string Question, string Answer)> exemplars)
{
    // Shorter texts may be what an answer says too: "It is positive. The answer is positive."
    private const int LeastCharacters = 40;
    private const int LeastCharactersOfAnswer = 60;
    private const int LeastCharactersOfQuestion = 12;
    private static readonly string[] Slots = ["{label}", "{rationale}"];

    /// <summary>A text in the form in which <see cref="Echo"/> takes what the prompt shows.</summary>
    public static string Normalized(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    /// <summary>Whether a text holds what belongs to the prompt alone: what the model was told, an exemplar, an empty slot.</summary>
    public bool IsIn(string text)
    {
        var seen = Normalized(text);
        if (Holds(seen, system, LeastCharacters) || Slots.Any(slot => seen.Contains(slot, StringComparison.Ordinal) && !question.Contains(slot, StringComparison.Ordinal)))
        {
            return true;
        }

        // An input that is an exemplar may be answered like it.
        return exemplars.Any(exemplar => (Holds(seen, exemplar.Question, LeastCharacters) || Holds(seen, exemplar.Answer, LeastCharactersOfAnswer)) && exemplar.Question != Normalized(question));
    }

    /// <summary>Where a text goes on after it has repeated the question; -1 where it does not begin with it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="at">Where it begins.</param>
    public int SkipQuestion(string text, int at)
    {
        var matched = 0;
        for (var i = 0; i < question.Length; i++)
        {
            if (char.IsWhiteSpace(question[i]))
            {
                continue;
            }

            while (at < text.Length && char.IsWhiteSpace(text[at]))
            {
                at++;
            }

            if (at == text.Length || text[at] != question[i])
            {
                return -1;
            }

            (at, matched) = (at + 1, matched + 1);
        }

        return matched >= LeastCharactersOfQuestion ? at : -1;
    }

    private static bool Holds(string text, string part, int least) => part.Length >= least && text.Contains(part, StringComparison.Ordinal);
}
