namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>A thread's own memory.</summary>
internal sealed unsafe class CpuScratch(Precision precision, bool hasTiles) : IDisposable
{
    private NativeArray<float>? _second;
    private NativeArray<float>? _attention;
    private NativeArray<float>? _row;

    /// <summary>Rows to be multiplied.</summary>
    public Activations Activations { get; } = new(precision, hasTiles);

    /// <summary>Rows that are to be multiplied after those.</summary>
    public Activations NextActivations { get; } = new(precision, hasTiles);

    /// <summary>For products.</summary>
    public ProductScratch Sums { get; } = new();

    /// <summary>For what products are multiplied with.</summary>
    public ProductScratch Gates { get; } = new();

    /// <summary>For scores and what belongs to them.</summary>
    public float* Attention(long length) => (_attention = NativeArray<float>.AtLeast(_attention, length)).Pointer;

    /// <summary>For one row on its way.</summary>
    public float* Row(long length) => (_row = NativeArray<float>.AtLeast(_row, length)).Pointer;

    /// <summary>For another one.</summary>
    public float* SecondRow(long length) => (_second = NativeArray<float>.AtLeast(_second, length)).Pointer;

    public void Dispose()
    {
        Activations.Dispose();
        NextActivations.Dispose();
        Sums.Dispose();
        Gates.Dispose();
        _second?.Dispose();
        _attention?.Dispose();
        _row?.Dispose();
    }
}
