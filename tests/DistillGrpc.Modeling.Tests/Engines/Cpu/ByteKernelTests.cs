using DistillGrpc.Modeling.Engines.Cpu.Kernels;

namespace DistillGrpc.Modeling.Tests.Engines.Cpu;

/// <summary>Every kernel that this processor has, against plain sums.</summary>
public sealed unsafe class ByteKernelTests
{
    public static TheoryData<string> Supported() => [.. ByteKernel.All.Where(kernel => kernel.IsSupported).Select(kernel => kernel.Name)];

    [Theory]
    [MemberData(nameof(Supported))]
    public void Multiply_AnyShape_IsExact(string name)
    {
        var kernel = ByteKernel.All.Single(kernel => kernel.Name == name);
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            var (rows, inner, columns) = (random.Next(1, 20), ByteKernel.Block * random.Next(1, 9), random.Next(1, 15));
            var stride = columns + random.Next(3);
            var (left, right, sums) = (new byte[rows * inner], new sbyte[columns * inner], Enumerable.Repeat(-7, rows * stride).ToArray());
            random.NextBytes(left);
            random.NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(right.AsSpan()));
            fixed (byte* l = left)
            fixed (sbyte* r = right)
            fixed (int* s = sums)
            {
                kernel.Multiply(l, rows, inner, r, columns, s, stride);
            }

            for (var row = 0; row < rows; row++)
            {
                for (var column = 0; column < stride; column++)
                {
                    var expected = column < columns ? Enumerable.Range(0, inner).Sum(k => left[row * inner + k] * right[column * inner + k]) : -7;
                    Assert.Equal(expected, sums[row * stride + column]);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Supported))]
    public void Multiply_OfTheLargestBytes_DoesNotSaturate(string name)
    {
        const int Inner = 4096;
        var (left, right, sums) = (Enumerable.Repeat((byte)255, 6 * Inner).ToArray(), Enumerable.Repeat((sbyte)-127, 2 * Inner).ToArray(), new int[12]);
        fixed (byte* l = left)
        fixed (sbyte* r = right)
        fixed (int* s = sums)
        {
            ByteKernel.All.Single(kernel => kernel.Name == name).Multiply(l, 6, Inner, r, 2, s, 2);
        }

        Assert.All(sums, sum => Assert.Equal(-255 * 127 * Inner, sum));
    }
}
