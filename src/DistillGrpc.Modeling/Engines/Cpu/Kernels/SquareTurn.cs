using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>Transposes squares of 16 by 16 four-byte numbers, by AVX-512.</summary>
internal static unsafe class SquareTurn
{
    /// <summary>A square's side.</summary>
    public const int Side = 16;

    /// <summary>Whether the processor can.</summary>
    public static bool IsSupported => Avx512F.IsSupported;

    /// <summary>to[j, i] = from[i, j].</summary>
    /// <param name="from">(16, 16).</param>
    /// <param name="fromStride">From a row to the next.</param>
    /// <param name="to">(16, 16), written.</param>
    /// <param name="toStride">From a row to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Turn(int* from, nint fromStride, int* to, nint toStride)
    {
        var (a0, a1, a2, a3) = Quarter(from, fromStride);
        var (b0, b1, b2, b3) = Quarter(from + 4 * fromStride, fromStride);
        var (c0, c1, c2, c3) = Quarter(from + 8 * fromStride, fromStride);
        var (d0, d1, d2, d3) = Quarter(from + 12 * fromStride, fromStride);
        Lanes(a0, b0, c0, d0, to, toStride);
        Lanes(a1, b1, c1, d1, to + toStride, toStride);
        Lanes(a2, b2, c2, d2, to + 2 * toStride, toStride);
        Lanes(a3, b3, c3, d3, to + 3 * toStride, toStride);
    }

    // Four rows: of every four columns the first, second, third and fourth of all rows together.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<int> First, Vector512<int> Second, Vector512<int> Third, Vector512<int> Fourth) Quarter(int* rows, nint stride)
    {
        Vector512<int> a = Vector512.Load(rows), b = Vector512.Load(rows + stride), c = Vector512.Load(rows + 2 * stride), d = Vector512.Load(rows + 3 * stride);
        var (low, high) = (Avx512F.UnpackLow(a, b).AsInt64(), Avx512F.UnpackHigh(a, b).AsInt64());
        var (nextLow, nextHigh) = (Avx512F.UnpackLow(c, d).AsInt64(), Avx512F.UnpackHigh(c, d).AsInt64());
        return (Avx512F.UnpackLow(low, nextLow).AsInt32(), Avx512F.UnpackHigh(low, nextLow).AsInt32(), Avx512F.UnpackLow(high, nextHigh).AsInt32(), Avx512F.UnpackHigh(high, nextHigh).AsInt32());
    }

    // Four columns at a distance of four.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Lanes(Vector512<int> a, Vector512<int> b, Vector512<int> c, Vector512<int> d, int* to, nint stride)
    {
        const byte Even = 0x88;
        const byte Odd = 0xdd;
        var (evenLeft, oddLeft) = (Avx512F.Shuffle4x128(a, b, Even), Avx512F.Shuffle4x128(a, b, Odd));
        var (evenRight, oddRight) = (Avx512F.Shuffle4x128(c, d, Even), Avx512F.Shuffle4x128(c, d, Odd));
        Avx512F.Shuffle4x128(evenLeft, evenRight, Even).Store(to);
        Avx512F.Shuffle4x128(oddLeft, oddRight, Even).Store(to + 4 * stride);
        Avx512F.Shuffle4x128(evenLeft, evenRight, Odd).Store(to + 8 * stride);
        Avx512F.Shuffle4x128(oddLeft, oddRight, Odd).Store(to + 12 * stride);
    }
}
