using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>By 16-bit products: .NET knows AVX-512's byte instruction in no width.</summary>
internal readonly struct Avx512Dot : IByteDot
{
    public static string Name => "avx-512";

    public static bool IsSupported => Avx512BW.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> left, Vector256<sbyte> right)
    {
        var products = Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(left), Avx512BW.ConvertToVector512Int16(right));
        return sum + products.GetLower() + products.GetUpper();
    }
}
