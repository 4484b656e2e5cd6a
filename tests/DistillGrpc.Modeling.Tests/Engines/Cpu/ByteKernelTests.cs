using System.Runtime.InteropServices;
using DistillGrpc.Modeling.Engines.Cpu.Kernels;
using DistillGrpc.Modeling.Engines.Cpu.Tiles;

namespace DistillGrpc.Modeling.Tests.Engines.Cpu;

/// <summary>Every kernel that this processor has, against plain sums.</summary>
public sealed unsafe class ByteKernelTests
{
    // What all of them take.
    private const int Block = 64;

    public static TheoryData<string> Supported() =>
        [.. ByteKernel.All.Where(kernel => kernel.IsSupported).Select(kernel => kernel.Name), .. new[] { TileKernel.Only }.Where(kernel => kernel.IsSupported).Select(kernel => kernel.Name)];

    [Theory]
    [MemberData(nameof(Supported))]
    public void Multiply_AnyShapeAndPart_IsExact(string name)
    {
        var random = new Random(1);
        for (var i = 0; i < 150; i++)
        {
            var (rows, inner, columns) = (random.Next(1, 80), Block * random.Next(1, 9), random.Next(1, 150));
            var first = random.Next(columns);
            Check(name, Bytes(random, rows * inner), rows, inner, Bytes(random, columns * inner), columns, first, random.Next(1, columns - first + 1));
        }
    }

    [Theory]
    [MemberData(nameof(Supported))]
    public void Multiply_OfTheLargestBytes_DoesNotSaturate(string name)
    {
        const int Inner = 4096;
        foreach (var value in new sbyte[] { 127, -127 })
        {
            Check(name, [.. Enumerable.Repeat(value, 9 * Inner)], 9, Inner, [.. Enumerable.Repeat((sbyte)-127, Panels.Width * Inner)], Panels.Width, 0, Panels.Width);
        }
    }

    [Theory]
    [MemberData(nameof(Supported))]
    public void Multiply_OnManyThreadsWhileMemoryIsCollected_StaysExact(string name)
    {
        Parallel.For(0, 4, seed =>
        {
            var random = new Random(seed);
            for (var i = 0; i < 25; i++)
            {
                var inner = Block * random.Next(1, 5);
                Check(name, Bytes(random, 40 * inner), 40, inner, Bytes(random, 64 * inner), 64, 0, 64);
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

    private static void Check(string name, sbyte[] left, int rows, int inner, sbyte[] right, int columns, int first, int count)
    {
        const int Untouched = -7;
        var isTiled = name == TileKernel.Only.Name;
        var together = isTiled ? TileKernel.Only.RowsTogether : 1;
        var padded = (rows + together - 1) / together * together;
        var panels = new sbyte[Panels.Length(columns, inner)];
        int[] sums = [.. Enumerable.Repeat(Untouched, (padded * count) + 3)];
        var shifted = Array.ConvertAll(left, value => (byte)(value + 128));
        Array.Resize(ref left, padded * inner);
        fixed (sbyte* r = right)
        fixed (sbyte* p = panels)
        fixed (sbyte* signed = left)
        fixed (byte* unsigned = shifted)
        fixed (int* s = sums)
        {
            for (var column = 0; column < columns; column++)
            {
                Panels.Put(r + (column * inner), inner, column, p);
            }

            if (isTiled)
            {
                TileKernel.Only.Multiply(signed, rows, inner, p, first, count, s);
            }
            else
            {
                ByteKernel.All.Single(kernel => kernel.Name == name).Multiply(unsigned, rows, inner, p, first, count, s);
            }

            for (var i = 0; i < rows * count; i++)
            {
                var (row, column) = (i / count, first + (i % count));
                var expected = Sum(left.AsSpan(row * inner, inner), right.AsSpan(column * inner, inner), isTiled ? 0 : 128);
                Assert.Equal(expected, sums[i]);
                Assert.True(isTiled || i % 17 != 0 || expected == ByteKernel.Dot(unsigned + (row * inner), inner, p, column));
            }
        }

        Assert.All(sums[^3..], other => Assert.Equal(Untouched, other));
    }

    private static int Sum(ReadOnlySpan<sbyte> left, ReadOnlySpan<sbyte> right, int shift)
    {
        var sum = 0;
        for (var i = 0; i < left.Length; i++)
        {
            sum += (left[i] + shift) * right[i];
        }

        return sum;
    }
}
