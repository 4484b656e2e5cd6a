using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>Matrix products of float32. Each product is summed in the same order whatever else is computed beside it: sixteen sums along the row, then over them.</summary>
internal static unsafe class FloatKernel
{
    /// <summary>Numbers that a row's length must be a multiple of.</summary>
    public const int Block = 16;

    /// <summary>As <see cref="ByteKernel.Multiply"/>, of float32.</summary>
    public static void Multiply(float* left, int rows, int inner, float* right, int columns, float* sums, int stride)
    {
        var column = 0;
        for (; column + 4 <= columns; column += 4)
        {
            var weights = right + (nint)column * inner;
            var to = sums + column;
            var row = 0;
            for (; row + 4 <= rows; row += 4)
            {
                FourByFour(left + (nint)row * inner, inner, weights, to + (nint)row * stride, stride);
            }

            for (; row < rows; row++)
            {
                OneByFour(left + (nint)row * inner, inner, weights, to + (nint)row * stride);
            }
        }

        for (; column < columns; column++)
        {
            for (var row = 0; row < rows; row++)
            {
                sums[(nint)row * stride + column] = Dot(left + (nint)row * inner, right + (nint)column * inner, inner);
            }
        }
    }

    /// <summary>The product of two rows whose length is a multiple of <see cref="Block"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Dot(float* left, float* right, nint length)
    {
        var sum = Vector512<float>.Zero;
        for (nint i = 0; i < length; i += Block)
        {
            sum = Vector512.FusedMultiplyAdd(Vector512.Load(left + i), Vector512.Load(right + i), sum);
        }

        return Vector512.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneByFour(float* left, nint inner, float* right, float* sums)
    {
        Vector512<float> a = default, b = default, c = default, d = default;
        for (nint i = 0; i < inner; i += Block)
        {
            var x = Vector512.Load(left + i);
            a = Vector512.FusedMultiplyAdd(x, Vector512.Load(right + i), a);
            b = Vector512.FusedMultiplyAdd(x, Vector512.Load(right + inner + i), b);
            c = Vector512.FusedMultiplyAdd(x, Vector512.Load(right + 2 * inner + i), c);
            d = Vector512.FusedMultiplyAdd(x, Vector512.Load(right + 3 * inner + i), d);
        }

        Store(sums, a, b, c, d);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourByFour(float* left, nint inner, float* right, float* sums, nint stride)
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        for (nint i = 0; i < inner; i += Block)
        {
            var (w0, w1) = (Vector512.Load(right + i), Vector512.Load(right + inner + i));
            var (w2, w3) = (Vector512.Load(right + 2 * inner + i), Vector512.Load(right + 3 * inner + i));
            var x = Vector512.Load(left + i);
            (a0, a1) = (Vector512.FusedMultiplyAdd(x, w0, a0), Vector512.FusedMultiplyAdd(x, w1, a1));
            (a2, a3) = (Vector512.FusedMultiplyAdd(x, w2, a2), Vector512.FusedMultiplyAdd(x, w3, a3));
            x = Vector512.Load(left + inner + i);
            (b0, b1) = (Vector512.FusedMultiplyAdd(x, w0, b0), Vector512.FusedMultiplyAdd(x, w1, b1));
            (b2, b3) = (Vector512.FusedMultiplyAdd(x, w2, b2), Vector512.FusedMultiplyAdd(x, w3, b3));
            x = Vector512.Load(left + 2 * inner + i);
            (c0, c1) = (Vector512.FusedMultiplyAdd(x, w0, c0), Vector512.FusedMultiplyAdd(x, w1, c1));
            (c2, c3) = (Vector512.FusedMultiplyAdd(x, w2, c2), Vector512.FusedMultiplyAdd(x, w3, c3));
            x = Vector512.Load(left + 3 * inner + i);
            (d0, d1) = (Vector512.FusedMultiplyAdd(x, w0, d0), Vector512.FusedMultiplyAdd(x, w1, d1));
            (d2, d3) = (Vector512.FusedMultiplyAdd(x, w2, d2), Vector512.FusedMultiplyAdd(x, w3, d3));
        }

        Store(sums, a0, a1, a2, a3);
        Store(sums + stride, b0, b1, b2, b3);
        Store(sums + 2 * stride, c0, c1, c2, c3);
        Store(sums + 3 * stride, d0, d1, d2, d3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* to, Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d) =>
        (to[0], to[1], to[2], to[3]) = (Vector512.Sum(a), Vector512.Sum(b), Vector512.Sum(c), Vector512.Sum(d));
}
