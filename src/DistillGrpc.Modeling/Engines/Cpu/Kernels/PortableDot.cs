using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>On any processor, Arm's among them, by what .NET makes of vectors there.</summary>
internal readonly struct PortableDot : IByteDot
{
    public static string Name => "portable";

    public static bool IsSupported => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> left, Vector256<sbyte> right)
    {
        var (x, w) = (left.AsInt32(), right.AsInt32());
        var low = Vector256.Create(0xff);
        sum += (x & low) * ((w << 24) >> 24);
        sum += ((x >>> 8) & low) * ((w << 16) >> 24);
        sum += ((x >>> 16) & low) * ((w << 8) >> 24);
        return sum + ((x >>> 24) * (w >> 24));
    }
}
