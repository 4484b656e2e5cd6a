using System.IO.Enumeration;
using TorchSharp;

namespace DistillGrpc.Modeling.Training;

/// <summary>Parts of a model that do not learn.</summary>
public static class FrozenParameters
{
    /// <summary>The encoder's blocks and norm, without the embedding, which the decoder shares.</summary>
    public const string Encoder = "encoder.*";

    /// <summary>The embedding, which is the head too where that is tied.</summary>
    public const string Embedding = "shared.*";

    /// <summary>Freezes parameters by name, before optimiser and trainer are made; the others are left as they are.</summary>
    /// <param name="model">The model.</param>
    /// <param name="patterns">Patterns of whole names such as <c>decoder.block.0.layer.0.SelfAttention.q.weight</c>; <c>*</c> stands for anything.</param>
    /// <returns>How many parameters a pattern named.</returns>
    /// <exception cref="ArgumentException">A pattern names no parameter.</exception>
    public static int Freeze(torch.nn.Module model, params IReadOnlyList<string> patterns)
    {
        var parameters = model.named_parameters().ToArray();
        if (patterns.FirstOrDefault(pattern => !parameters.Any(named => Matches(pattern, named.name))) is { } unknown)
        {
            throw new ArgumentException($"No parameter is called '{unknown}'.", nameof(patterns));
        }

        var frozen = parameters.Where(named => patterns.Any(pattern => Matches(pattern, named.name))).ToArray();
        foreach (var (_, parameter) in frozen)
        {
            parameter.requires_grad = false;
        }

        return frozen.Length;
    }

    private static bool Matches(string pattern, string name) => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
}
