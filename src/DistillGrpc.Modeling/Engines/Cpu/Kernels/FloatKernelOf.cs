using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>Products in tiles that keep their sums in registers: two vectors of columns by up to eight rows.</summary>
internal sealed unsafe class FloatKernel<TLane, TVector> : FloatKernel
    where TLane : struct, IFloatLane<TVector>
    where TVector : struct
{
    // Weights that come nearer ahead of those that are multiplied, where each is read once.
    private const int Near = 16 * Panels.Width;
    private const int MostRows = 8;

    public override string Name => TLane.Name;

    public override bool IsSupported => TLane.IsSupported;

    protected override void Whole(float* left, int rows, int inner, float* right, int panels, float* sums, int stride)
    {
        // Read twice, a panel is at hand the second time: the next one comes nearer meanwhile. Read more often, it is not what is waited for.
        var next = (nint)Panels.Width * inner;
        for (var panel = 0; panel < panels; panel++, right += next, sums += Panels.Width)
        {
            var ahead = rows <= MostRows ? Near : rows <= 2 * MostRows && panel + 1 < panels ? next : 0;
            for (var column = 0; column < Panels.Width; column += 2 * TLane.Width)
            {
                for (int row = 0, taken; row < rows; row += taken)
                {
                    taken = Rows(left + ((nint)row * inner), rows - row, inner, right + column, ahead, sums + ((nint)row * stride) + column, stride);
                }
            }
        }
    }

    // As many rows as go together; how many they were.
    private static int Rows(float* left, int rows, nint inner, float* weights, nint ahead, float* to, nint stride)
    {
        switch (rows)
        {
            case >= 8 when TLane.HasMany:
                Eight(left, inner, weights, ahead, to, stride);
                return 8;
            case >= 4:
                Four(left, inner, weights, ahead, to, stride);
                return 4;
            case >= 2:
                Two(left, inner, weights, ahead, to, stride);
                return 2;
            default:
                One(left, inner, weights, ahead, to);
                return 1;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Eight(float* left, nint inner, float* weights, nint ahead, float* to, nint stride)
    {
        TVector a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
        TVector e0 = default, e1 = default, f0 = default, f1 = default, g0 = default, g1 = default, h0 = default, h1 = default;
        float* a = left, b = a + inner, c = b + inner, d = c + inner, e = d + inner, f = e + inner, g = f + inner, h = g + inner;
        for (nint i = 0; i < inner; i++, weights += Panels.Width)
        {
            TVector w0 = TLane.Load(weights), w1 = TLane.Load(weights + TLane.Width);
            Fetch(weights + ahead);
            var x = TLane.All(a[i]);
            (a0, a1) = (TLane.Add(x, w0, a0), TLane.Add(x, w1, a1));
            x = TLane.All(b[i]);
            (b0, b1) = (TLane.Add(x, w0, b0), TLane.Add(x, w1, b1));
            x = TLane.All(c[i]);
            (c0, c1) = (TLane.Add(x, w0, c0), TLane.Add(x, w1, c1));
            x = TLane.All(d[i]);
            (d0, d1) = (TLane.Add(x, w0, d0), TLane.Add(x, w1, d1));
            x = TLane.All(e[i]);
            (e0, e1) = (TLane.Add(x, w0, e0), TLane.Add(x, w1, e1));
            x = TLane.All(f[i]);
            (f0, f1) = (TLane.Add(x, w0, f0), TLane.Add(x, w1, f1));
            x = TLane.All(g[i]);
            (g0, g1) = (TLane.Add(x, w0, g0), TLane.Add(x, w1, g1));
            x = TLane.All(h[i]);
            (h0, h1) = (TLane.Add(x, w0, h0), TLane.Add(x, w1, h1));
        }

        Store(to, a0, a1);
        Store(to += stride, b0, b1);
        Store(to += stride, c0, c1);
        Store(to += stride, d0, d1);
        Store(to += stride, e0, e1);
        Store(to += stride, f0, f1);
        Store(to += stride, g0, g1);
        Store(to + stride, h0, h1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Four(float* left, nint inner, float* weights, nint ahead, float* to, nint stride)
    {
        TVector a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
        float* a = left, b = a + inner, c = b + inner, d = c + inner;
        for (nint i = 0; i < inner; i++, weights += Panels.Width)
        {
            TVector w0 = TLane.Load(weights), w1 = TLane.Load(weights + TLane.Width);
            Fetch(weights + ahead);
            var x = TLane.All(a[i]);
            (a0, a1) = (TLane.Add(x, w0, a0), TLane.Add(x, w1, a1));
            x = TLane.All(b[i]);
            (b0, b1) = (TLane.Add(x, w0, b0), TLane.Add(x, w1, b1));
            x = TLane.All(c[i]);
            (c0, c1) = (TLane.Add(x, w0, c0), TLane.Add(x, w1, c1));
            x = TLane.All(d[i]);
            (d0, d1) = (TLane.Add(x, w0, d0), TLane.Add(x, w1, d1));
        }

        Store(to, a0, a1);
        Store(to += stride, b0, b1);
        Store(to += stride, c0, c1);
        Store(to + stride, d0, d1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Two(float* left, nint inner, float* weights, nint ahead, float* to, nint stride)
    {
        TVector a0 = default, a1 = default, b0 = default, b1 = default;
        float* a = left, b = a + inner;
        for (nint i = 0; i < inner; i++, weights += Panels.Width)
        {
            TVector w0 = TLane.Load(weights), w1 = TLane.Load(weights + TLane.Width);
            Fetch(weights + ahead);
            var x = TLane.All(a[i]);
            (a0, a1) = (TLane.Add(x, w0, a0), TLane.Add(x, w1, a1));
            x = TLane.All(b[i]);
            (b0, b1) = (TLane.Add(x, w0, b0), TLane.Add(x, w1, b1));
        }

        Store(to, a0, a1);
        Store(to + stride, b0, b1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One(float* left, nint inner, float* weights, nint ahead, float* to)
    {
        TVector a0 = default, a1 = default;
        for (nint i = 0; i < inner; i++, weights += Panels.Width)
        {
            Fetch(weights + ahead);
            var x = TLane.All(left[i]);
            (a0, a1) = (TLane.Add(x, TLane.Load(weights), a0), TLane.Add(x, TLane.Load(weights + TLane.Width), a1));
        }

        Store(to, a0, a1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(float* weights)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(weights);
            Sse.Prefetch1(weights + (Panels.Width / 2));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* to, TVector first, TVector second)
    {
        TLane.Store(first, to);
        TLane.Store(second, to + TLane.Width);
    }
}
