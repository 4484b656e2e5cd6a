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
    private readonly sbyte* _panels;
    private readonly float* _scales;
    private readonly int* _corrections;

    public ByteMatrix(Tensor weights, WeightMemory memory)
        : base((int)weights.shape[0], (int)weights.shape[1])
    {
        _panels = (sbyte*)memory.Take(Panels.Length(Columns, Inner));
        _scales = (float*)memory.Take((long)Columns * sizeof(float));
        _corrections = (int*)memory.Take((long)Columns * sizeof(int));
        var inputs = (int)weights.shape[1];
        using var scope = NewDisposeScope();
        var rows = weights.to(ScalarType.Float32).contiguous().cpu();
        using var padded = new NativeArray<float>(Inner);
        using var bytes = new NativeArray<sbyte>(Inner);
        fixed (byte* start = rows.bytes)
        {
            for (var column = 0; column < Columns; column++)
            {
                new Span<float>((float*)start + (nint)column * inputs, inputs).CopyTo(new Span<float>(padded.Pointer, inputs));
                _scales[column] = RowMath.Quantize(padded.Pointer, Inner, bytes.Pointer, null);
                Panels.Put(bytes.Pointer, Inner, column, _panels);
                foreach (var value in new Span<sbyte>(bytes.Pointer, Inner))
                {
                    // What a row's shift of 128 adds to the product.
                    _corrections[column] += 128 * value;
                }
            }
        }
    }

    public override long Bytes => Panels.Length(Columns, Inner) + ((long)Columns * (sizeof(float) + sizeof(int)));

    public override void Multiply(Activations activations, int first, int count, ProductScratch scratch)
    {
        var sums = scratch.Sums((long)activations.PaddedRows * count);
        if (activations.IsForTiles)
        {
            TileKernel.Only.Multiply(activations.Signed, activations.Rows, Inner, _panels, first, count, sums);
            return;
        }

        ByteKernel.Best.Multiply(activations.Shifted, activations.Rows, Inner, _panels, first, count, sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Row(Activations activations, int row, int first, int count, ProductScratch scratch, float* to)
    {
        var sums = scratch.LastSums + (nint)row * count;
        var scales = _scales + first;
        var corrections = activations.IsForTiles ? null : _corrections + first;
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

    public override float Dot(Activations activations, int row, int column) =>
        (ByteKernel.Dot(activations.Shifted + (nint)row * Inner, Inner, _panels, column) - _corrections[column]) * (activations.Scales[row] * _scales[column]);

    public override void Panel(Activations activations, int row, int first, int count, float* to)
    {
        var sums = stackalloc int[Panels.Width];
        ByteKernel.Best.Multiply(activations.Shifted + (nint)row * Inner, 1, Inner, _panels, first, count, sums);
        for (var i = 0; i < count; i++)
        {
            to[i] = (sums[i] - _corrections[first + i]) * (activations.Scales[row] * _scales[first + i]);
        }
    }

    public override void Read(int column, float* to)
    {
        var fours = Panels.Start(_panels, Inner, column);
        var scale = _scales[column];
        for (nint i = 0; i < Inner / Panels.Together; i++)
        {
            var four = (sbyte*)(fours + (i * Panels.Width));
            (to[0], to[1], to[2], to[3]) = (four[0] * scale, four[1] * scale, four[2] * scale, four[3] * scale);
            to += Panels.Together;
        }
    }
}
