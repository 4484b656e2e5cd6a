using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>Products in tiles that keep their sums in registers: half a panel by up to six rows.</summary>
internal sealed unsafe class ByteKernel<TDot> : ByteKernel
    where TDot : struct, IByteDot
{
    private const int Half = Panels.Width / 2;
    // Bytes from four of a column to its next.
    private const int Step = Panels.Width * Panels.Together;

    public override string Name => TDot.Name;

    public override bool IsSupported => TDot.IsSupported;

    protected override void Whole(byte* left, int rows, int inner, sbyte* right, int panels, int* sums, int stride)
    {
        for (var panel = 0; panel < panels; panel++, right += (nint)Panels.Width * inner, sums += Panels.Width)
        {
            if (rows == 1)
            {
                One(left, inner, right, sums);
                continue;
            }

            Rows(left, rows, inner, right, sums, stride);
            Rows(left, rows, inner, right + (Half * Panels.Together), sums + Half, stride);
        }
    }

    private static void Rows(byte* left, int rows, nint inner, sbyte* right, int* sums, nint stride)
    {
        for (; rows >= 6; rows -= 6, left += 6 * inner, sums += 6 * stride)
        {
            Six(left, inner, right, sums, stride);
        }

        for (; rows >= 2; rows -= 2, left += 2 * inner, sums += 2 * stride)
        {
            Two(left, left + inner, inner, right, sums, sums + stride);
        }

        if (rows == 1)
        {
            // Twice the same costs no more than once.
            Two(left, left, inner, right, sums, sums);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Six(byte* a, nint inner, sbyte* right, int* sums, nint stride)
    {
        Vector256<int> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default;
        Vector256<int> d0 = default, d1 = default, e0 = default, e1 = default, f0 = default, f1 = default;
        byte* b = a + inner, c = b + inner, d = c + inner, e = d + inner, f = e + inner;
        for (nint i = 0; i < inner; i += Panels.Together, right += Step)
        {
            Vector256<sbyte> w0 = Vector256.Load(right), w1 = Vector256.Load(right + 32);
            var x = Four(a + i);
            (a0, a1) = (TDot.Add(a0, x, w0), TDot.Add(a1, x, w1));
            x = Four(b + i);
            (b0, b1) = (TDot.Add(b0, x, w0), TDot.Add(b1, x, w1));
            x = Four(c + i);
            (c0, c1) = (TDot.Add(c0, x, w0), TDot.Add(c1, x, w1));
            x = Four(d + i);
            (d0, d1) = (TDot.Add(d0, x, w0), TDot.Add(d1, x, w1));
            x = Four(e + i);
            (e0, e1) = (TDot.Add(e0, x, w0), TDot.Add(e1, x, w1));
            x = Four(f + i);
            (f0, f1) = (TDot.Add(f0, x, w0), TDot.Add(f1, x, w1));
        }

        Store(sums, a0, a1);
        Store(sums += stride, b0, b1);
        Store(sums += stride, c0, c1);
        Store(sums += stride, d0, d1);
        Store(sums += stride, e0, e1);
        Store(sums + stride, f0, f1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Two(byte* a, byte* b, nint inner, sbyte* right, int* sums, int* next)
    {
        Vector256<int> a0 = default, a1 = default, b0 = default, b1 = default;
        for (nint i = 0; i < inner; i += Panels.Together, right += Step)
        {
            Vector256<sbyte> w0 = Vector256.Load(right), w1 = Vector256.Load(right + 32);
            var x = Four(a + i);
            (a0, a1) = (TDot.Add(a0, x, w0), TDot.Add(a1, x, w1));
            x = Four(b + i);
            (b0, b1) = (TDot.Add(b0, x, w0), TDot.Add(b1, x, w1));
        }

        Store(next, b0, b1);
        Store(sums, a0, a1);
    }

    // Both halves at once: what is read lies one behind the other.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One(byte* left, nint inner, sbyte* right, int* sums)
    {
        Vector256<int> a = default, b = default, c = default, d = default;
        for (nint i = 0; i < inner; i += Panels.Together, right += Step)
        {
            var x = Four(left + i);
            (a, b) = (TDot.Add(a, x, Vector256.Load(right)), TDot.Add(b, x, Vector256.Load(right + 32)));
            (c, d) = (TDot.Add(c, x, Vector256.Load(right + 64)), TDot.Add(d, x, Vector256.Load(right + 96)));
        }

        Store(sums, a, b);
        Store(sums + Half, c, d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Four(byte* from) => Vector256.Create(*(int*)from).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(int* to, Vector256<int> first, Vector256<int> second)
    {
        first.Store(to);
        second.Store(to + 8);
    }
}
