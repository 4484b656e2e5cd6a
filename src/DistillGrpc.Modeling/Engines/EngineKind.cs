namespace DistillGrpc.Modeling.Engines;

/// <summary>Which engine.</summary>
public enum EngineKind
{
    /// <summary>libtorch where it has a GPU, else ours for processors.</summary>
    Auto,

    /// <summary>libtorch, the reference, in float32.</summary>
    Torch,

    /// <summary>Ours for processors, in float32 or int8.</summary>
    Cpu,
}
