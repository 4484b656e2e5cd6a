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
        var ((low, high), (lowWeights, highWeights)) = (Vector256.Widen(left), Vector256.Widen(right));
        return Products(Products(sum, low.AsInt16(), lowWeights), high.AsInt16(), highWeights);
    }

    private static Vector256<int> Products(Vector256<int> sum, Vector256<short> left, Vector256<short> right)
    {
        var ((a, b), (c, d)) = (Vector256.Widen(left), Vector256.Widen(right));
        return sum + a * c + b * d;
    }
}
