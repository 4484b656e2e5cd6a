namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>Vectors of float32 of one width.</summary>
/// <typeparam name="TVector">.NET's type of them.</typeparam>
internal unsafe interface IFloatLane<TVector>
    where TVector : struct
{
    /// <summary>The kernel's name.</summary>
    static abstract string Name { get; }

    /// <summary>Whether the processor has them.</summary>
    static abstract bool IsSupported { get; }

    /// <summary>Numbers in one.</summary>
    static abstract int Width { get; }

    /// <summary>Whether there are 32 of them, not 16.</summary>
    static abstract bool HasMany { get; }

    /// <summary>From memory.</summary>
    static abstract TVector Load(float* from);

    /// <summary>The same number in all places.</summary>
    static abstract TVector All(float value);

    /// <summary>a * b + sum, rounded once.</summary>
    static abstract TVector Add(TVector a, TVector b, TVector sum);

    /// <summary>To memory.</summary>
    static abstract void Store(TVector vector, float* to);
}
