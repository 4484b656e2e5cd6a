namespace DistillGrpc.Modeling.T5;

/// <summary>Sizes for students that are trained from scratch.</summary>
public static class T5Preset
{
    private const int VocabularyMultiple = 8;

    /// <summary>The presets' names, smallest first.</summary>
    public static IReadOnlyList<string> Names { get; } = ["micro", "mini", "small", "base"];

    /// <summary>The shape of a preset: ReLU and a tied, scaled head as in T5 v1.0, without dropout.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="vocabularySize">Ids of the tokenizer; the embedding is rounded up to a multiple of 8.</param>
    /// <exception cref="ArgumentException">There is no such preset.</exception>
    public static T5Config Of(string name, int vocabularySize)
    {
        var (width, heads, layers, feedForward) = name switch
        {
            "micro" => (96, 4, 2, 256),
            "mini" => (192, 6, 3, 512),
            "small" => (512, 8, 6, 2048),
            "base" => (768, 12, 12, 3072),
            _ => throw new ArgumentException($"There is no preset '{name}'; there are {string.Join(", ", Names)}.", nameof(name)),
        };
        return new T5Config
        {
            VocabularySize = (vocabularySize + VocabularyMultiple - 1) / VocabularyMultiple * VocabularyMultiple,
            ModelSize = width,
            HeadSize = name is "micro" ? 24 : name is "mini" ? 32 : 64,
            Heads = heads,
            FeedForwardSize = feedForward,
            EncoderLayers = layers,
            DecoderLayers = layers,
            Dropout = 0,
        };
    }
}
