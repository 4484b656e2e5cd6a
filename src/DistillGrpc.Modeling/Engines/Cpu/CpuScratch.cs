namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>A thread's own memory.</summary>
internal sealed unsafe class CpuScratch(Precision precision) : IDisposable
{
    private NativeArray<float>? _products;
    private NativeArray<float>? _attention;
    private NativeArray<float>? _row;

    /// <summary>Rows to be multiplied.</summary>
    public Activations Activations { get; } = new(precision);

    /// <summary>For products.</summary>
    public ProductScratch Sums { get; } = new();

    /// <summary>For products of all rows.</summary>
    public float* Products(long length) => (_products = NativeArray<float>.AtLeast(_products, length)).Pointer;

    /// <summary>For scores and what belongs to them.</summary>
    public float* Attention(long length) => (_attention = NativeArray<float>.AtLeast(_attention, length)).Pointer;

    /// <summary>For one row on its way.</summary>
    public float* Row(long length) => (_row = NativeArray<float>.AtLeast(_row, length)).Pointer;

    public void Dispose()
    {
        Activations.Dispose();
        Sums.Dispose();
        _products?.Dispose();
        _attention?.Dispose();
        _row?.Dispose();
    }
}
