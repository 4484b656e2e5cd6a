using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>By 16-bit products: AVX2's byte instruction saturates, and is not exact.</summary>
internal readonly struct Avx2Dot : IByteDot
{
    public static string Name => "avx2";

    public static bool IsSupported => Avx2.IsSupported;

    // Every second byte, and those between.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> left, Vector256<sbyte> right)
    {
        var (x, w) = (left.AsInt16(), right.AsInt16());
        var even = Avx2.MultiplyAddAdjacent(x & Vector256.Create((short)0xff), (w << 8) >> 8);
        return sum + even + Avx2.MultiplyAddAdjacent(x >>> 8, w >> 8);
    }
}
