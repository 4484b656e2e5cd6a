using System.Text.RegularExpressions;

namespace DistillGrpc.Teacher.Symbolic;

/// <summary>Reads a word problem sentence by sentence, keeps the books, and says how it came to its equation.</summary>
internal static partial class ProblemSolver
{
    /// <summary>Solves a problem, or says which sentence it cannot read.</summary>
    public static bool TrySolve(string problem, out Solution solution, out string reason)
    {
        solution = new Solution("", [], 0);
        reason = "";
        var sentences = new List<Sentence>();
        foreach (var text in SentenceEnd().Split(problem.Trim()))
        {
            if (!TryRead(text.Trim(), out var sentence))
            {
                reason = $"the symbolic teacher cannot read the sentence \"{(text.Length > 80 ? text[..80] : text)}\"";
                return false;
            }

            sentences.Add(sentence);
        }

        if (sentences is not [.. var facts, { Kind: SentenceKind.Question } question])
        {
            reason = "the problem does not end with a question that the symbolic teacher knows";
            return false;
        }

        solution = Solve(facts, question);
        reason = solution.Steps.Count == 0 ? "the problem says nothing about what it asks" : "";
        return solution.Steps.Count > 0;
    }

    private static Solution Solve(List<Sentence> facts, Sentence question)
    {
        var steps = new List<string>();
        var (equation, value) = ("", 0);
        foreach (var fact in facts.Where(fact => fact.Thing == question.Thing))
        {
            var sign = SignFor(fact, question.Who);
            if (sign == 0)
            {
                continue;
            }

            var amount = fact.Kind == SentenceKind.Packs ? $"{fact.Count} * {fact.Size}" : $"{fact.Count}";
            equation = equation.Length == 0 ? (sign < 0 ? $"0 - {amount}" : amount) : $"{equation} {(sign < 0 ? '-' : '+')} {amount}";
            value += sign * (fact.Kind == SentenceKind.Packs ? fact.Count * fact.Size : fact.Count);
            steps.Add($"{Said(fact, question)}: {equation}.");
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

    private static string Said(Sentence fact, Sentence question) => fact.Kind switch
    {
        SentenceKind.Start => $"{question.Who} has {fact.Count} {fact.Thing}",
        SentenceKind.Loss => $"{question.Who} loses {fact.Count}",
        SentenceKind.Packs => $"{question.Who} gets {fact.Count} times {fact.Size}",
        SentenceKind.Gift when fact.Who == question.Who => $"{question.Who} gives {fact.Count}",
        _ => $"{question.Who} gets {fact.Count}",
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
