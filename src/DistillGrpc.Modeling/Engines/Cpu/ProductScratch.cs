namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Where a thread's products lie until they are scaled, or put where they belong.</summary>
internal sealed unsafe class ProductScratch : IDisposable
{
    private NativeArray<int>? _sums;
    private NativeArray<float>? _floats;

    /// <summary>The int32 as they are.</summary>
    public int* LastSums => _sums!.Pointer;

    /// <summary>The float32 as they are.</summary>
    public float* LastFloats => _floats!.Pointer;

    /// <summary>Memory for so many int32.</summary>
    public int* Sums(long length) => (_sums = NativeArray<int>.AtLeast(_sums, length)).Pointer;

    /// <summary>Memory for so many float32.</summary>
    public float* Floats(long length) => (_floats = NativeArray<float>.AtLeast(_floats, length)).Pointer;

    public void Dispose()
    {
        _sums?.Dispose();
        _floats?.Dispose();
    }
}
