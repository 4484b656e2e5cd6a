using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Modeling.Training;

namespace DistillGrpc.Student.Training;

/// <summary>What a teacher's distributions are in a student's ids.</summary>
internal sealed class SoftTargets
{
    private const int MaxLabels = 1000;
    private readonly SoftLabels _soft;
    private readonly ITokenizer _tokenizer;
    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
    private readonly Lazy<Dictionary<string, int>> _ids;

    /// <summary>Looks at all rows for the labels that there are.</summary>
    public SoftTargets(SoftLabels soft, IEnumerable<Example> rows, ITokenizer tokenizer)
    {
        (_soft, _tokenizer) = (soft, tokenizer);
        foreach (var label in rows.SelectMany(row => row.Teaching?.LabelDistribution ?? []).Select(label => label.Label).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            _places.Add(label, _places.Count);
        }

        RpcFailure.Require(_places.Count <= MaxLabels, "spec.soft_labels.kind", $"the rows have {_places.Count} labels, and soft labels are over {MaxLabels} at most");
        _ids = new Lazy<Dictionary<string, int>>(() =>
        {
            var ids = new Dictionary<string, int>(StringComparer.Ordinal);
            for (var id = 0; id < tokenizer.VocabularySize; id++)
            {
                ids.TryAdd(tokenizer.Token(id), id);
            }

            return ids;
        });
    }

    /// <summary>The labels, in the order of the distributions.</summary>
    public IReadOnlyList<string> Labels => [.. _places.Keys];

    /// <summary>Whether a row carries what is learnt from.</summary>
    public static bool IsGiven(SoftLabels soft, Example row) => (soft.Kind == SoftLabelKind.Tokens ? row.Teaching?.Tokens.Count : row.Teaching?.LabelDistribution.Count) > 0;

    /// <summary>Gives a row of the label's task its distribution, where the teacher gave one that fits.</summary>
    public TaskRow Soften(TaskRow row, Example example) =>
        example.Teaching is not { } teaching ? row
        : _soft.Kind == SoftLabelKind.Tokens ? row with { TokenSoftLabels = Tokens(row.Target, teaching.Tokens) }
        : row with { LabelSoftLabels = OfLabels(teaching.LabelDistribution) };

    private float[]? OfLabels(IReadOnlyCollection<LabelProbability> distribution)
    {
        if (distribution.Count == 0)
        {
            return null;
        }

        var probabilities = new float[_places.Count];
        foreach (var label in distribution)
        {
            probabilities[_places[label.Label]] = (float)label.Probability;
        }

        return probabilities;
    }

    // The tokens that the teacher wrote must be those that are learnt; what follows them, such as an end, is not looked at.
    private TokenDistributions? Tokens(int[] target, IReadOnlyList<TokenPosition> positions)
    {
        var count = Math.Min(target.Length, positions.Count);
        if (count < target.Length - 1 || Enumerable.Range(0, count).Any(i => positions[i].Tokens.FirstOrDefault()?.Token != _tokenizer.Token(target[i])))
        {
            return null;
        }

        var width = positions.Take(count).Max(position => position.Tokens.Count);
        var (ids, probabilities) = (new int[target.Length * width], new float[target.Length * width]);
        Array.Fill(ids, -1);
        for (var i = 0; i < count; i++)
        {
            foreach (var (place, token) in positions[i].Tokens.Index())
            {
                if (_ids.Value.TryGetValue(token.Token, out var id))
                {
                    (ids[(i * width) + place], probabilities[(i * width) + place]) = (id, (float)Math.Exp(token.LogProbability));
                }
            }
        }

        return new TokenDistributions(width, ids, probabilities);
    }
}
