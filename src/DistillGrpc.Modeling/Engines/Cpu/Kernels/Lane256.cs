using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>AVX2 with FMA: 16 registers of 8 numbers.</summary>
internal readonly unsafe struct Lane256 : IFloatLane<Vector256<float>>
{
    public static string Name => "AVX2";

    public static bool IsSupported => Fma.IsSupported;

    public static int Width => 8;

    public static bool HasMany => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* from) => Vector256.Load(from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> All(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b, Vector256<float> sum) => Vector256.FusedMultiplyAdd(a, b, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> vector, float* to) => vector.Store(to);
}
