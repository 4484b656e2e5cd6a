using DistillGrpc.Modeling.Engines.Cpu;

namespace DistillGrpc.Modeling.Engines;

/// <summary>How models are run.</summary>
public sealed record EngineOptions
{
    /// <summary>The engine; default the one that is best here.</summary>
    public EngineKind Engine { get; init; }

    /// <summary>What the weights are kept in, by the engine for processors; default float32.</summary>
    public Precision Precision { get; init; }

    /// <summary>Threads of a step. 0, the default: all processors for the engine for processors, whose models share them; one for each of libtorch's models.</summary>
    public int Threads { get; init; }

    /// <summary>Whether its threads are its own instead of those that it would share; default no. For work that may not hold up what others wait for.</summary>
    public bool HasOwnThreads { get; init; }
}
