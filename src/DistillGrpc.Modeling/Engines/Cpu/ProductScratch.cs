using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Where a thread's products lie until they are scaled, or put where they belong.</summary>
internal sealed unsafe class ProductScratch : IDisposable
{
    private TensorMemory? _sums;
    private NativeArray<float>? _floats;
    private NativeArray<int>? _tiles;

    /// <summary>The int32 as they are.</summary>
    public byte* LastSums => _sums!.Pointer;

    /// <summary>The float32 as they are.</summary>
    public float* LastFloats => _floats!.Pointer;

    /// <summary>Memory for so many int32.</summary>
    public TensorMemory Sums(long length) => _sums = TensorMemory.AtLeast(_sums, length, ScalarType.Int32);

    /// <summary>Memory for so many float32.</summary>
    public float* Floats(long length) => (_floats = NativeArray<float>.AtLeast(_floats, length)).Pointer;

    /// <summary>Memory for the sums of so many tiles on their way.</summary>
    public int* Tiles(long length) => (_tiles = NativeArray<int>.AtLeast(_tiles, length)).Pointer;

    public void Dispose()
    {
        _sums?.Dispose();
        _floats?.Dispose();
        _tiles?.Dispose();
    }
}
