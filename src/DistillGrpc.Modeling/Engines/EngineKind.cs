namespace DistillGrpc.Modeling.Engines;

/// <summary>Which engine.</summary>
public enum EngineKind
{
    /// <summary>The one that is best for the model on this machine.</summary>
    Auto,

    /// <summary>libtorch, the reference.</summary>
    Torch,
}
