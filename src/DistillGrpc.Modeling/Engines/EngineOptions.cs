namespace DistillGrpc.Modeling.Engines;

/// <summary>How models are run.</summary>
public sealed record EngineOptions
{
    /// <summary>The engine; default the one that is best here.</summary>
    public EngineKind Engine { get; init; }

    /// <summary>Threads of one model's products; default 1.</summary>
    public int Threads { get; init; } = 1;
}
