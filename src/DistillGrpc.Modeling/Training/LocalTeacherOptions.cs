namespace DistillGrpc.Modeling.Training;

/// <summary>What a local teacher teaches.</summary>
public sealed record LocalTeacherOptions
{
    /// <summary>Weight of the divergence from the teacher's token distributions; default 1.</summary>
    public double LogitWeight { get; init; } = 1;

    /// <summary>Their temperature, over 0; default 1.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Weight of the distance between hidden states; default 1. Without pairs there is none.</summary>
    public double HiddenWeight { get; init; } = 1;

    /// <summary>Pairs of encoder layers; default none.</summary>
    public IReadOnlyList<LayerPair> EncoderLayers { get; init; } = [];

    /// <summary>Pairs of decoder layers; default none.</summary>
    public IReadOnlyList<LayerPair> DecoderLayers { get; init; } = [];

    /// <summary>How much each task counts in what the decoders are compared by; default 1 for every task.</summary>
    public IReadOnlyDictionary<string, double>? TaskWeights { get; init; }

    /// <summary>Of the projections' first numbers; default 0.</summary>
    public int Seed { get; init; }
}
