using DistillGrpc.Modeling.Engines.Cpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Weights in float32.</summary>
internal sealed unsafe class FloatMatrix : WeightMatrix
{
    private readonly float* _panels;

    public FloatMatrix(Tensor weights, WeightMemory memory)
        : base((int)weights.shape[0], (int)weights.shape[1])
    {
        _panels = (float*)memory.Take(Bytes);
        var inputs = (int)weights.shape[1];
        using var scope = NewDisposeScope();
        var rows = weights.to(ScalarType.Float32).contiguous().cpu();
        fixed (byte* start = rows.bytes)
        {
            for (var column = 0; column < Columns; column++)
            {
                Panels.Put((float*)start + (nint)column * inputs, inputs, Inner, column, _panels);
            }
        }
    }

    public override long Bytes => Panels.Length(Columns, Inner) * sizeof(float);

    public override void Multiply(Activations activations, int first, int count, ProductScratch scratch) =>
        FloatKernel.Best.Multiply(activations.Floats, activations.Rows, Inner, _panels, first, count, scratch.Floats((long)activations.Rows * count));

    public override void Row(Activations activations, int row, int first, int count, ProductScratch scratch, float* to) =>
        new Span<float>(scratch.LastFloats + (nint)row * count, count).CopyTo(new Span<float>(to, count));

    public override float Dot(Activations activations, int row, int column) =>
        FloatKernel.Dot(activations.Floats + (nint)row * Inner, Inner, _panels, column);

    public override void Panel(Activations activations, int row, int first, int count, float* to) =>
        FloatKernel.Best.Multiply(activations.Floats + (nint)row * Inner, 1, Inner, _panels, first, count, to);

    public override void Read(int column, float* to) => Panels.Read(_panels, Inner, column, to);
}
