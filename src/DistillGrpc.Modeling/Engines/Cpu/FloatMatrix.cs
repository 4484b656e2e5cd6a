using DistillGrpc.Modeling.Engines.Cpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Weights in float32.</summary>
internal sealed unsafe class FloatMatrix : WeightMatrix
{
    private readonly NativeArray<float> _panels;

    public FloatMatrix(Tensor weights)
        : base((int)weights.shape[0], (int)weights.shape[1])
    {
        _panels = new NativeArray<float>(FloatPanels.Length(Columns, Inner));
        var inputs = (int)weights.shape[1];
        using var scope = NewDisposeScope();
        var rows = weights.to(ScalarType.Float32).contiguous().cpu();
        fixed (byte* start = rows.bytes)
        {
            for (var column = 0; column < Columns; column++)
            {
                FloatPanels.Put((float*)start + (nint)column * inputs, inputs, Inner, column, _panels.Pointer);
            }
        }
    }

    public override long Bytes => _panels.Length * sizeof(float);

    public override void Multiply(Activations activations, int first, int count, ProductScratch scratch) =>
        FloatKernel.Best.Multiply(activations.Floats, activations.Rows, Inner, _panels.Pointer, first, count, scratch.Floats((long)activations.Rows * count));

    public override void Row(Activations activations, int row, int first, int count, ProductScratch scratch, float* to) =>
        new Span<float>(scratch.LastFloats + (nint)row * count, count).CopyTo(new Span<float>(to, count));

    public override float Dot(Activations activations, int row, int column) =>
        FloatKernel.Dot(activations.Floats + (nint)row * Inner, Inner, _panels.Pointer, column);

    public override void Read(int column, float* to) => FloatPanels.Read(_panels.Pointer, Inner, column, to);

    public override void Dispose() => _panels.Dispose();
}
