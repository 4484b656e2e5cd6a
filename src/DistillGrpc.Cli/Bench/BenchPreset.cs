using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Cli.Bench;

/// <summary>Shapes of published models, for which no files are needed: speed does not depend on what the weights are.</summary>
internal static class BenchPreset
{
    /// <summary>Rows of the embedding, as in all published T5.</summary>
    public const int VocabularySize = 32_128;

    /// <summary>The presets, smallest first.</summary>
    public static IReadOnlyList<string> Names { get; } = ["micro", "t5-small", "t5-base", "flan-t5-base"];

    /// <summary>The shape of a preset; <c>micro</c> is the quickstart's, with the others' vocabulary.</summary>
    public static T5Config Of(string name) => name switch
    {
        "t5-small" => T5Preset.Of("small", VocabularySize),
        "t5-base" => T5Preset.Of("base", VocabularySize),
        "flan-t5-base" => T5Preset.Of("base", VocabularySize) with { FeedForwardSize = 2048, Activation = T5Activation.GeluNew, Gated = true, TiedHead = false, ScaleDecoderOutputs = false },
        _ => T5Preset.Of("micro", VocabularySize),
    };
}
