using DistillGrpc.Modeling.Engines.Cpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Weights in float32.</summary>
internal sealed unsafe class FloatMatrix : WeightMatrix
{
    private readonly TensorMemory _values;

    public FloatMatrix(Tensor weights)
        : base((int)weights.shape[0], (int)weights.shape[1])
    {
        _values = new TensorMemory((long)Columns * Inner, ScalarType.Float32);
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        _values.View(0, Columns, Inner).narrow(1, 0, weights.shape[1]).copy_(weights.detach());
    }

    public override long Bytes => (long)Columns * Inner * sizeof(float);

    private float* Weights => (float*)_values.Pointer;

    public override void Multiply(Activations activations, int first, int count, ProductScratch scratch)
    {
        var memory = scratch.Floats((long)activations.Rows * count);
        if (activations.IsForLibrary)
        {
            using var scope = NewDisposeScope();
            LibraryProducts.Float32(activations.View, _values.View((long)first * Inner, count, Inner).t(), memory.View(0, activations.Rows, count));
            return;
        }

        FloatKernel.Multiply(activations.Floats, activations.Rows, Inner, Weights + (nint)first * Inner, count, (float*)memory.Pointer, count);
    }

    public override void Row(Activations activations, int row, int first, int count, ProductScratch scratch, float* to) =>
        new Span<float>((float*)scratch.LastFloats + (nint)row * count, count).CopyTo(new Span<float>(to, count));

    public override float Dot(Activations activations, int row, int column) =>
        FloatKernel.Dot(activations.Floats + (nint)row * Inner, Weights + (nint)column * Inner, Inner);

    public override void Read(int column, float* to) => new Span<float>(Weights + (nint)column * Inner, Inner).CopyTo(new Span<float>(to, Inner));

    public override void Dispose() => _values.Dispose();
}
