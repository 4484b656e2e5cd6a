using System.Text.RegularExpressions;

namespace DistillGrpc.Teacher.Symbolic;

/// <summary>
/// A sentence with slots: <c>{who}</c>, <c>{other}</c>, <c>{thing}</c>, <c>{n}</c>, <c>{m}</c>. What it writes it also
/// reads, so that the problems that are made and the solver cannot drift apart.
/// </summary>
internal sealed class SentenceFrame
{
    private readonly string _template;
    private readonly Regex _pattern;

    public SentenceFrame(SentenceKind kind, string template)
    {
        Kind = kind;
        _template = template;
        var pattern = Regex.Escape(template);
        foreach (var (slot, expression) in new[] { ("who", "[A-Z][a-z]+"), ("other", "[A-Z][a-z]+"), ("thing", "[a-z]+"), ("n", "[0-9]{1,6}"), ("m", "[0-9]{1,6}") })
        {
            pattern = pattern.Replace($"\\{{{slot}}}", $"(?<{slot}>{expression})", StringComparison.Ordinal);
        }

        _pattern = new Regex($"^{pattern}$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
    }

    public SentenceKind Kind { get; }

    public string Write(Sentence sentence) => _template
        .Replace("{who}", sentence.Who, StringComparison.Ordinal)
        .Replace("{other}", sentence.Other, StringComparison.Ordinal)
        .Replace("{thing}", sentence.Thing, StringComparison.Ordinal)
        .Replace("{n}", $"{sentence.Count}", StringComparison.Ordinal)
        .Replace("{m}", $"{sentence.Size}", StringComparison.Ordinal);

    public bool TryRead(string text, out Sentence sentence)
    {
        var match = _pattern.Match(text);
        sentence = new Sentence(
            Kind,
            match.Groups["who"].Value,
            match.Groups["thing"].Value,
            Number(match.Groups["n"]),
            Number(match.Groups["m"]),
            match.Groups["other"].Value);
        return match.Success;
    }

    private static int Number(Group group) => group.Success ? int.Parse(group.ValueSpan) : 0;
}

/// <summary>What a sentence says.</summary>
internal readonly record struct Sentence(SentenceKind Kind, string Who = "", string Thing = "", int Count = 0, int Size = 0, string Other = "");
