using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistillGrpc.Modeling.Engines.Cpu.Attention;

/// <summary>float32.</summary>
internal readonly unsafe struct FloatNumber : ICacheNumber
{
    public static int Bytes => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* from) => Vector512.Load((float*)from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scatter(byte* from, byte* to, nint count, nint stride)
    {
        for (nint i = 0; i < count; i++)
        {
            ((float*)to)[i * stride] = ((float*)from)[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, byte* to) => values.Store((float*)to);
}
