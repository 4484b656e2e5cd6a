using DistillGrpc.Modeling.Engines.Cpu.Kernels;

namespace DistillGrpc.Modeling.Tests.Engines.Cpu;

/// <summary>Every kernel that this processor has, against plain fused sums: the same numbers, not near ones.</summary>
public sealed unsafe class FloatKernelTests
{
    public static TheoryData<string> Supported() => [.. FloatKernel.All.Where(kernel => kernel.IsSupported).Select(kernel => kernel.Name)];

    [Theory]
    [MemberData(nameof(Supported))]
    public void Multiply_AnyShapeAndPart_IsTheFusedSumFromTheFirstToTheLast(string name)
    {
        var kernel = FloatKernel.All.Single(kernel => kernel.Name == name);
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            var (rows, inner, columns) = (random.Next(1, 30), random.Next(1, 200), random.Next(1, 150));
            var first = random.Next(columns);
            var count = random.Next(1, columns - first + 1);
            var (left, right) = (Numbers(random, rows * inner), Numbers(random, columns * inner));
            // What lies behind the sums is somebody else's.
            var sums = Enumerable.Repeat(-7f, (rows * count) + 3).ToArray();
            var panels = Laid(right, columns, inner);
            fixed (float* l = left)
            fixed (float* p = panels)
            fixed (float* s = sums)
            {
                kernel.Multiply(l, rows, inner, p, first, count, s);
                for (var at = 0; at < rows * count; at++)
                {
                    var (row, column) = (at / count, first + (at % count));
                    Assert.Equal(Sum(left.AsSpan(row * inner, inner), right.AsSpan(column * inner, inner)), sums[at]);
                    Assert.Equal(sums[at], FloatKernel.Dot(l + (row * inner), inner, p, column));
                }
            }

            Assert.All(sums[^3..], other => Assert.Equal(-7f, other));
        }
    }

    [Fact]
    public void Read_AColumn_GivesWhatWasPut()
    {
        var random = new Random(2);
        var (columns, inner) = (70, 48);
        var right = Numbers(random, columns * inner);
        var (panels, read) = (Laid(right, columns, inner), new float[inner]);
        for (var column = 0; column < columns; column++)
        {
            fixed (float* p = panels)
            fixed (float* to = read)
            {
                Panels.Read(p, inner, column, to);
            }

            Assert.Equal(right[(column * inner)..((column + 1) * inner)], read);
        }
    }

    private static float[] Laid(float[] right, int columns, int inner)
    {
        var panels = new float[Panels.Length(columns, inner)];
        fixed (float* r = right)
        fixed (float* p = panels)
        {
            for (var column = 0; column < columns; column++)
            {
                Panels.Put(r + (column * inner), inner, inner, column, p);
            }
        }

        return panels;
    }

    private static float[] Numbers(Random random, int length) => [.. Enumerable.Range(0, length).Select(_ => (random.NextSingle() - 0.5f) * 8)];

    private static float Sum(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        var sum = 0f;
        for (var i = 0; i < left.Length; i++)
        {
            sum = MathF.FusedMultiplyAdd(left[i], right[i], sum);
        }

        return sum;
    }
}
