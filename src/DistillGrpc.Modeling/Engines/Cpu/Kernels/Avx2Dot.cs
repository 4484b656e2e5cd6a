using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>By 16-bit products: AVX2's byte instruction saturates, and is not exact.</summary>
internal readonly struct Avx2Dot : IByteDot
{
    public static string Name => "avx2";

    public static bool IsSupported => Avx2.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> left, Vector256<sbyte> right) =>
        sum
        + Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(left.GetLower()), Avx2.ConvertToVector256Int16(right.GetLower()))
        + Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(left.GetUpper()), Avx2.ConvertToVector256Int16(right.GetUpper()));
}
