using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DistillGrpc.Modeling.Engines.Cpu.Kernels;
using DistillGrpc.Modeling.Engines.Cpu.Tiles;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Weights in signed bytes, each column with a scale.</summary>
internal sealed unsafe class ByteMatrix : WeightMatrix
{
    private readonly WeightMemory.Part _bytes;
    private readonly NativeArray<float> _scales;
    private readonly NativeArray<int> _corrections;

    public ByteMatrix(Tensor weights, WeightMemory memory)
        : base((int)weights.shape[0], (int)weights.shape[1])
    {
        // At least as many as are multiplied together.
        _bytes = memory.Take((long)Math.Max(Columns, TileKernel.Columns) * Inner);
        (_scales, _corrections) = (new NativeArray<float>(Columns), new NativeArray<int>(Columns));
        var inputs = (int)weights.shape[1];
        using var scope = NewDisposeScope();
        var rows = weights.to(ScalarType.Float32).contiguous().cpu();
        using var row = new NativeArray<float>(Inner);
        var padded = row.Pointer;
        fixed (byte* start = rows.bytes)
        {
            for (var column = 0; column < Columns; column++)
            {
                new Span<float>((float*)start + (nint)column * inputs, inputs).CopyTo(new Span<float>(padded, inputs));
                var to = Weights + (nint)column * Inner;
                _scales.Pointer[column] = RowMath.Quantize(padded, Inner, to, null);
                foreach (var value in new Span<sbyte>(to, Inner))
                {
                    // What a row's shift of 128 adds to the product.
                    _corrections.Pointer[column] += 128 * value;
                }
            }
        }
    }

    public override long Bytes => (long)Columns * (Inner + sizeof(float) + sizeof(int));

    private sbyte* Weights => (sbyte*)_bytes.Pointer;

    public override void Multiply(Activations activations, int first, int count, ProductScratch scratch)
    {
        var memory = scratch.Sums((long)activations.Rows * count);
        if (activations.IsForLibrary)
        {
            using var scope = NewDisposeScope();
            LibraryProducts.Int8(activations.View, _bytes.View((long)first * Inner, count, Inner).t(), memory.View(0, activations.Rows, count));
            return;
        }

        if (activations.IsForTiles)
        {
            TileKernel.Multiply(activations.Tiled, activations.Rows, Inner, Weights, Columns, first, count, scratch.Tiles(TileKernel.ScratchLength(activations.Rows)), (int*)memory.Pointer);
            return;
        }

        ByteKernel.Best.Multiply(activations.Shifted, activations.Rows, Inner, Weights + (nint)first * Inner, count, (int*)memory.Pointer, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Row(Activations activations, int row, int first, int count, ProductScratch scratch, float* to)
    {
        var sums = (int*)scratch.LastSums + (nint)row * count;
        var scales = _scales.Pointer + first;
        var corrections = activations.IsForLibrary || activations.IsForTiles ? null : _corrections.Pointer + first;
        var scale = activations.Scales[row];
        var all = Vector512.Create(scale);
        var i = 0;
        for (; i + 16 <= count; i += 16)
        {
            var sum = Vector512.Load(sums + i);
            sum = corrections is null ? sum : sum - Vector512.Load(corrections + i);
            (Vector512.ConvertToSingle(sum) * (all * Vector512.Load(scales + i))).Store(to + i);
        }

        for (; i < count; i++)
        {
            to[i] = (sums[i] - (corrections is null ? 0 : corrections[i])) * (scale * scales[i]);
        }
    }

    public override float Dot(Activations activations, int row, int column)
    {
        int sum;
        ByteKernel.Best.Multiply(activations.Shifted + (nint)row * Inner, 1, Inner, Weights + (nint)column * Inner, 1, &sum, 1);
        return (sum - _corrections.Pointer[column]) * (activations.Scales[row] * _scales.Pointer[column]);
    }

    public override void Read(int column, float* to)
    {
        var bytes = Weights + (nint)column * Inner;
        var scale = _scales.Pointer[column];
        for (var i = 0; i < Inner; i++)
        {
            to[i] = bytes[i] * scale;
        }
    }

    public override void Dispose()
    {
        _scales.Dispose();
        _corrections.Dispose();
    }
}
