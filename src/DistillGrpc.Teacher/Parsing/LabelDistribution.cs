using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Parsing;

/// <summary>
/// How likely each label of a closed set is, by the likeliest tokens where the model begins to write its label. A token that only
/// one label can begin with counts for that one. Where several can, the token that was written is followed to the next position;
/// another one, whose continuation nobody knows, is shared equally. What none can begin with does not count.
/// </summary>
internal static class LabelDistribution
{
    private static readonly char[] Marks = ['"', '\'', '`', '*', '_'];

    /// <summary>The distribution over the labels, in the order of their set; empty where it is not known.</summary>
    /// <param name="text">What the model wrote.</param>
    /// <param name="labelAt">Where it begins to name the label; -1 where it names none.</param>
    /// <param name="tokens">The tokens of the text.</param>
    /// <param name="format">What labels look like.</param>
    /// <param name="input">The input, where its options stand.</param>
    public static IReadOnlyList<LabelProbability> Of(string text, int labelAt, IReadOnlyList<TokenPosition> tokens, AnswerFormat format, string input)
    {
        var labels = LabelsOf(format, input);
        if (labels.Count == 0 || labelAt < 0 || PositionOf(text, labelAt, tokens) is not ( >= 0 and var position, var lead))
        {
            return [];
        }

        var mass = Mass(labels, tokens, position, lead);
        var all = mass.Sum();
        return all > 0 ? [.. labels.Zip(mass, (label, probability) => new LabelProbability { Label = label.Label, Probability = probability / all })] : [];
    }

    // Labels with the ways in which they are written.
    private static IReadOnlyList<(string Label, string[] Forms)> LabelsOf(AnswerFormat format, string input) => format.Form switch
    {
        AnswerForm.Nli or AnswerForm.Classification => [.. format.Labels.Select(label => (label, new[] { label }))],
        AnswerForm.Choice => [.. AnswerParser.OptionsOf(input).GroupBy(option => option.Value, StringComparer.OrdinalIgnoreCase)
            .Select(same => (same.Key, same.Select(option => $"({option.Key})").Append(same.Key).ToArray()))],
        _ => [],
    };

    // The token that holds the label's first character, and what that token has before it; -1 where the tokens are not the text's.
    private static (int Position, string Lead) PositionOf(string text, int labelAt, IReadOnlyList<TokenPosition> tokens)
    {
        var at = 0;
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i].Tokens[0].Token;
            if (string.CompareOrdinal(text, at, token, 0, token.Length) != 0)
            {
                return (-1, "");
            }

            if (at + token.Length > labelAt)
            {
                return (i, token[..(labelAt - at)]);
            }

            at += token.Length;
        }

        return (-1, "");
    }

    private static double[] Mass(IReadOnlyList<(string Label, string[] Forms)> labels, IReadOnlyList<TokenPosition> tokens, int position, string lead)
    {
        var mass = new double[labels.Count];
        var (written, reached) = ("", 1.0);
        for (; position < tokens.Count; position++)
        {
            var (before, weight, isFollowed) = (written, reached, false);
            foreach (var (i, token) in tokens[position].Tokens.Index())
            {
                var said = before + Without(lead, token.Token);
                var fitting = Fitting(labels, said);
                var probability = weight * Math.Exp(token.LogProbability);
                if (i == 0 && fitting.Count != 1 && position + 1 < tokens.Count && (fitting.Count > 1 || said.Trim().Trim(Marks).Length == 0))
                {
                    (isFollowed, written, reached) = (true, said, probability);
                }
                else if (fitting.Count > 0)
                {
                    fitting.ForEach(label => mass[label] += probability / fitting.Count);
                }
            }

            if (!isFollowed)
            {
                break;
            }

            lead = "";
        }

        return mass;
    }

    private static string Without(string lead, string token) => lead.Length > 0 && token.StartsWith(lead, StringComparison.Ordinal) ? token[lead.Length..] : token;

    // The labels that a text can begin with, or that it is the beginning of.
    private static List<int> Fitting(IReadOnlyList<(string Label, string[] Forms)> labels, string said)
    {
        var begun = said.TrimStart().TrimStart(Marks);
        return begun.Length == 0 ? [] : [.. Enumerable.Range(0, labels.Count).Where(label => labels[label].Forms.Any(form => Fits(form, begun)))];
    }

    private static bool Fits(string form, string begun) =>
        form.StartsWith(begun.TrimEnd(), StringComparison.OrdinalIgnoreCase)
        || (begun.StartsWith(form, StringComparison.OrdinalIgnoreCase) && !char.IsLetterOrDigit(begun[form.Length]));
}
