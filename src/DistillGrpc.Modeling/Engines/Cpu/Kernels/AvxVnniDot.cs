using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>One instruction: Alder Lake, Sapphire Rapids, Zen 5 and later.</summary>
internal readonly struct AvxVnniDot : IByteDot
{
    public static string Name => "avx-vnni";

    public static bool IsSupported => AvxVnni.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> left, Vector256<sbyte> right) => AvxVnni.MultiplyWideningAndAdd(sum, left, right);
}
