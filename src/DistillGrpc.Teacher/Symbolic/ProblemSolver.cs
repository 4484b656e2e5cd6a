using System.Text.RegularExpressions;

namespace DistillGrpc.Teacher.Symbolic;

/// <summary>
/// Reads a word problem sentence by sentence, keeps the books, and says how it came to its equation: a step quotes the
/// sentence that counts and says what the equation is from there on.
/// </summary>
internal static partial class ProblemSolver
{
    /// <summary>Solves a problem, or says which sentence it cannot read.</summary>
    public static bool TrySolve(string problem, out Solution solution, out string reason)
    {
        solution = new Solution("", [], 0);
        reason = "";
        var sentences = new List<(string Text, Sentence Meaning)>();
        foreach (var text in SentenceEnd().Split(problem.Trim()))
        {
            if (!TryRead(text, out var sentence))
            {
                reason = $"the symbolic teacher cannot read the sentence \"{(text.Length > 80 ? text[..80] : text)}\"";
                return false;
            }

            sentences.Add((text, sentence));
        }

        if (sentences is not [.. var facts, (_, { Kind: SentenceKind.Question } question)])
        {
            reason = "the problem does not end with a question that the symbolic teacher knows";
            return false;
        }

        solution = Solve(facts, question);
        reason = solution.Steps.Count == 0 ? "the problem says nothing about what it asks" : "";
        return solution.Steps.Count > 0;
    }

    private static Solution Solve(List<(string Text, Sentence Meaning)> facts, Sentence question)
    {
        var steps = new List<string>();
        var (equation, value) = ("", 0);
        foreach (var (text, fact) in facts.Where(fact => fact.Meaning.Thing == question.Thing))
        {
            var sign = SignFor(fact, question.Who);
            if (sign == 0)
            {
                continue;
            }

            var amount = fact.Kind == SentenceKind.Packs ? $"{fact.Count} * {fact.Size}" : $"{fact.Count}";
            equation = equation.Length == 0 ? (sign < 0 ? $"0 - {amount}" : amount) : $"{equation} {(sign < 0 ? '-' : '+')} {amount}";
            value += sign * (fact.Kind == SentenceKind.Packs ? fact.Count * fact.Size : fact.Count);
            steps.Add($"{text.TrimEnd('.')}: {equation}.");
        }

        return new Solution(equation, steps, value);
    }

    private static int SignFor(Sentence fact, string who) => fact.Kind switch
    {
        SentenceKind.Gift when fact.Other == who => 1,
        SentenceKind.Gift when fact.Who == who => -1,
        _ when fact.Who != who => 0,
        SentenceKind.Loss => -1,
        SentenceKind.Start or SentenceKind.Gain or SentenceKind.Packs => 1,
        _ => 0,
    };

    private static bool TryRead(string text, out Sentence sentence)
    {
        foreach (var frame in SentenceFrames.All)
        {
            if (frame.TryRead(text, out sentence))
            {
                return true;
            }
        }

        sentence = default;
        return false;
    }

    [GeneratedRegex(@"(?<=[.?])\s+", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SentenceEnd();
}
