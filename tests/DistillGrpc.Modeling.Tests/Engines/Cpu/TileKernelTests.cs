using System.Runtime.InteropServices;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Modeling.Engines.Cpu.Tiles;

namespace DistillGrpc.Modeling.Tests.Engines.Cpu;

/// <summary>Products in tiles, against plain sums.</summary>
public sealed unsafe class TileKernelTests
{
    [TilesFact]
    public void Multiply_AnyShapeAndPart_IsExact()
    {
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            var (rows, inner, columns) = (random.Next(1, 100), TileRows.Block * random.Next(1, 9), random.Next(1, 150));
            var first = random.Next(columns);
            var count = random.Next(1, columns - first + 1);
            // Nothing behind what it may read is anybody's.
            var right = Bytes(random, Math.Max(columns, TileKernel.Columns) * inner);
            Check(Bytes(random, rows * inner), rows, inner, right, columns, first, count);
        }
    }

    [TilesFact]
    public void Multiply_OfTheLargestBytes_DoesNotSaturate()
    {
        const int Inner = 4096;
        Check([.. Enumerable.Repeat((sbyte)-127, 3 * Inner)], 3, Inner, [.. Enumerable.Repeat((sbyte)-127, TileKernel.Columns * Inner)], TileKernel.Columns, 0, TileKernel.Columns);
    }

    [TilesFact]
    public void Multiply_OnManyThreadsWhileMemoryIsCollected_StaysExact()
    {
        Parallel.For(0, 4, seed =>
        {
            var random = new Random(seed);
            for (var i = 0; i < 50; i++)
            {
                var inner = TileRows.Block * random.Next(1, 5);
                Check(Bytes(random, 40 * inner), 40, inner, Bytes(random, 64 * inner), 64, 0, 64);
                GC.Collect(0);
            }
        });
    }

    private static sbyte[] Bytes(Random random, int length)
    {
        var bytes = new sbyte[length];
        random.NextBytes(MemoryMarshal.AsBytes(bytes.AsSpan()));
        return bytes;
    }

    private static void Check(sbyte[] left, int rows, int inner, sbyte[] right, int columns, int first, int count)
    {
        var (tiled, scratch, sums) = (new sbyte[TileRows.Length(rows, inner)], new int[TileKernel.ScratchLength(rows)], new int[rows * count]);
        fixed (sbyte* l = left)
        fixed (sbyte* t = tiled)
        fixed (sbyte* r = right)
        fixed (int* s = scratch)
        fixed (int* to = sums)
        {
            for (var row = 0; row < rows; row++)
            {
                TileRows.Put(l + row * inner, inner, row, t);
            }

            TileKernel.Multiply(t, rows, inner, r, columns, first, count, s, to);
        }

        for (var i = 0; i < sums.Length; i++)
        {
            var (row, column) = (i / count, first + i % count);
            Assert.Equal(Sum(left.AsSpan(row * inner, inner), right.AsSpan(column * inner, inner)), sums[i]);
        }
    }

    private static int Sum(ReadOnlySpan<sbyte> left, ReadOnlySpan<sbyte> right)
    {
        var sum = 0;
        for (var i = 0; i < left.Length; i++)
        {
            sum += left[i] * right[i];
        }

        return sum;
    }
}
