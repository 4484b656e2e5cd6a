using System.Runtime.Intrinsics;
using DistillGrpc.Modeling.Engines.Cpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Weights in signed bytes, each column with a scale.</summary>
internal sealed unsafe class ByteMatrix : WeightMatrix
{
    // Columns whose sums stay in the second cache, with many rows.
    private const int LibraryColumns = 512;
    private readonly TensorMemory _bytes;
    private readonly NativeArray<float> _scales;
    private readonly NativeArray<int> _corrections;

    public ByteMatrix(Tensor weights)
        : base((int)weights.shape[0], (int)weights.shape[1])
    {
        _bytes = new TensorMemory((long)Columns * Inner, ScalarType.Int8);
        (_scales, _corrections) = (new NativeArray<float>(Columns), new NativeArray<int>(Columns));
        var inputs = (int)weights.shape[1];
        using var scope = NewDisposeScope();
        var rows = weights.to(ScalarType.Float32).contiguous().cpu();
        var padded = stackalloc float[Inner];
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

    /// <summary>Rows from which on libtorch's product is the faster one.</summary>
    public static int LibraryRows { get; set; } = 24;

    public override long Bytes => (long)Columns * (Inner + sizeof(float) + sizeof(int));

    private sbyte* Weights => (sbyte*)_bytes.Pointer;

    public override void Multiply(Activations activations, int first, int count, ProductScratch scratch, float* products, int stride)
    {
        if (activations.Rows >= LibraryRows)
        {
            using var scope = NewDisposeScope();
            var left = activations.View;
            for (var done = 0; done < count; done += LibraryColumns)
            {
                var columns = Math.Min(LibraryColumns, count - done);
                var memory = scratch.Sums((long)activations.Rows * columns);
                using var part = NewDisposeScope();
                LibraryProducts.Int8(left, _bytes.View((long)(first + done) * Inner, columns, Inner).t(), memory.View(0, activations.Rows, columns));
                Scale(activations, (int*)memory.Pointer, columns, false, first + done, columns, products + done, stride);
            }

            return;
        }

        var sums = (int*)scratch.Sums((long)activations.Rows * count).Pointer;
        ByteKernel.Best.Multiply(activations.Shifted, activations.Rows, Inner, Weights + (nint)first * Inner, count, sums, count);
        Scale(activations, sums, count, true, first, count, products, stride);
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
        _bytes.Dispose();
        _scales.Dispose();
        _corrections.Dispose();
    }

    private void Scale(Activations activations, int* sums, int sumsStride, bool isShifted, int first, int count, float* products, int stride)
    {
        var scales = _scales.Pointer + first;
        var corrections = _corrections.Pointer + first;
        for (var row = 0; row < activations.Rows; row++, sums += sumsStride, products += stride)
        {
            var scale = activations.Scales[row];
            var all = Vector512.Create(scale);
            var i = 0;
            for (; i + 16 <= count; i += 16)
            {
                var sum = Vector512.Load(sums + i);
                sum = isShifted ? sum - Vector512.Load(corrections + i) : sum;
                (Vector512.ConvertToSingle(sum) * (all * Vector512.Load(scales + i))).Store(products + i);
            }

            for (; i < count; i++)
            {
                products[i] = (sums[i] - (isShifted ? corrections[i] : 0)) * (scale * scales[i]);
            }
        }
    }
}
