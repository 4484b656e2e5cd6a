using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>Products in tiles that keep their sums in registers: four columns of one row, or two columns of up to six rows.</summary>
internal sealed unsafe class ByteKernel<TDot> : ByteKernel
    where TDot : struct, IByteDot
{
    private const int CacheLine = 64;

    public override string Name => TDot.Name;

    public override bool IsSupported => TDot.IsSupported;

    public override void Multiply(byte* left, int rows, int inner, sbyte* right, int columns, int* sums, int stride)
    {
        var column = 0;
        if (rows == 1)
        {
            for (; column + 4 <= columns; column += 4)
            {
                Four(left, inner, right + (nint)column * inner, sums + column);
            }
        }
        else
        {
            for (; column + 2 <= columns; column += 2)
            {
                Two(left, rows, inner, right + (nint)column * inner, sums + column, stride);
            }
        }

        for (; column < columns; column++)
        {
            for (var row = 0; row < rows; row++)
            {
                sums[(nint)row * stride + column] = One(left + (nint)row * inner, inner, right + (nint)column * inner);
            }
        }
    }

    private static void Two(byte* left, int rows, int inner, sbyte* right, int* sums, int stride)
    {
        // The next columns are on their way while these are multiplied with all rows.
        for (var i = 0; Sse.IsSupported && i < 2 * inner; i += CacheLine)
        {
            Sse.Prefetch0(right + 2 * inner + i);
        }

        for (; rows >= 6; rows -= 6, left += 6 * (nint)inner, sums += 6 * (nint)stride)
        {
            SixByTwo(left, inner, right, sums, stride);
        }

        for (; rows >= 2; rows -= 2, left += 2 * (nint)inner, sums += 2 * (nint)stride)
        {
            TwoByTwo(left, inner, right, sums, stride);
        }

        if (rows == 1)
        {
            (sums[0], sums[1]) = (One(left, inner, right), One(left, inner, right + inner));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SixByTwo(byte* left, nint inner, sbyte* right, int* sums, nint stride)
    {
        Vector256<int> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default;
        Vector256<int> d0 = default, d1 = default, e0 = default, e1 = default, f0 = default, f1 = default;
        for (nint i = 0; i < inner; i += Block)
        {
            var w0 = Vector256.Load(right + i);
            var w1 = Vector256.Load(right + inner + i);
            var x = Vector256.Load(left + i);
            a0 = TDot.Add(a0, x, w0);
            a1 = TDot.Add(a1, x, w1);
            x = Vector256.Load(left + inner + i);
            b0 = TDot.Add(b0, x, w0);
            b1 = TDot.Add(b1, x, w1);
            x = Vector256.Load(left + 2 * inner + i);
            c0 = TDot.Add(c0, x, w0);
            c1 = TDot.Add(c1, x, w1);
            x = Vector256.Load(left + 3 * inner + i);
            d0 = TDot.Add(d0, x, w0);
            d1 = TDot.Add(d1, x, w1);
            x = Vector256.Load(left + 4 * inner + i);
            e0 = TDot.Add(e0, x, w0);
            e1 = TDot.Add(e1, x, w1);
            x = Vector256.Load(left + 5 * inner + i);
            f0 = TDot.Add(f0, x, w0);
            f1 = TDot.Add(f1, x, w1);
        }

        StorePairs(Sums(a0, a1, b0, b1), sums, stride);
        StorePairs(Sums(c0, c1, d0, d1), sums + 2 * stride, stride);
        StorePairs(Sums(e0, e1, f0, f1), sums + 4 * stride, stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TwoByTwo(byte* left, nint inner, sbyte* right, int* sums, nint stride)
    {
        Vector256<int> a0 = default, a1 = default, b0 = default, b1 = default;
        for (nint i = 0; i < inner; i += Block)
        {
            var w0 = Vector256.Load(right + i);
            var w1 = Vector256.Load(right + inner + i);
            var x = Vector256.Load(left + i);
            a0 = TDot.Add(a0, x, w0);
            a1 = TDot.Add(a1, x, w1);
            x = Vector256.Load(left + inner + i);
            b0 = TDot.Add(b0, x, w0);
            b1 = TDot.Add(b1, x, w1);
        }

        StorePairs(Sums(a0, a1, b0, b1), sums, stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Four(byte* left, nint inner, sbyte* right, int* sums)
    {
        Vector256<int> a = default, b = default, c = default, d = default;
        for (nint i = 0; i < inner; i += Block)
        {
            var x = Vector256.Load(left + i);
            a = TDot.Add(a, x, Vector256.Load(right + i));
            b = TDot.Add(b, x, Vector256.Load(right + inner + i));
            c = TDot.Add(c, x, Vector256.Load(right + 2 * inner + i));
            d = TDot.Add(d, x, Vector256.Load(right + 3 * inner + i));
        }

        Sums(a, b, c, d).Store(sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int One(byte* left, nint inner, sbyte* right)
    {
        var sum = Vector256<int>.Zero;
        for (nint i = 0; i < inner; i += Block)
        {
            sum = TDot.Add(sum, Vector256.Load(left + i), Vector256.Load(right + i));
        }

        return Vector256.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePairs(Vector128<int> sums, int* to, nint stride)
    {
        sums.GetLower().Store(to);
        sums.GetUpper().Store(to + stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Sums(Vector256<int> a, Vector256<int> b, Vector256<int> c, Vector256<int> d)
    {
        if (Avx2.IsSupported)
        {
            var all = Avx2.HorizontalAdd(Avx2.HorizontalAdd(a, b), Avx2.HorizontalAdd(c, d));
            return all.GetLower() + all.GetUpper();
        }

        return Vector128.Create(Vector256.Sum(a), Vector256.Sum(b), Vector256.Sum(c), Vector256.Sum(d));
    }
}
