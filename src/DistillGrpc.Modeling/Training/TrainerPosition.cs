namespace DistillGrpc.Modeling.Training;

/// <summary>What a training run has to remember beside tensors.</summary>
public sealed record TrainerPosition
{
    /// <summary>Steps made.</summary>
    public required long Step { get; init; }

    /// <summary>Where the samplers stand, by the caller's names.</summary>
    public IReadOnlyDictionary<string, BatchSamplerState> Samplers { get; init; } = new Dictionary<string, BatchSamplerState>();

    /// <summary>Whatever else the caller wants back.</summary>
    public IReadOnlyDictionary<string, string> Notes { get; init; } = new Dictionary<string, string>();
}
