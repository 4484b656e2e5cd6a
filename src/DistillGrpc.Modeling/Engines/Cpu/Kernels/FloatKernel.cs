using System.Runtime.Intrinsics;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>
/// Matrix products of float32. Each product is one sum from the first number to the last, every step rounded once (fused), whatever is computed beside it and however wide the
/// processor's vectors are: the same numbers in any company and on any processor.
/// </summary>
internal abstract unsafe class FloatKernel : PanelKernel<float, float, float>
{
    /// <summary>The fastest that the processor has.</summary>
    public static FloatKernel Best { get; } = All.First(kernel => kernel.IsSupported);

    /// <summary>All there are, the fastest first, those among them that this processor has not.</summary>
    public static IReadOnlyList<FloatKernel> All =>
        [new FloatKernel<Lane512, Vector512<float>>(), new FloatKernel<Lane256, Vector256<float>>(), new FloatKernel<Lane128, Vector128<float>>()];

    /// <summary>The product of one row and one column, the same number as among many.</summary>
    public static float Dot(float* left, int inner, float* right, int column)
    {
        var weights = Panels.Start(right, inner, column);
        var sum = 0f;
        for (nint i = 0; i < inner; i++)
        {
            sum = MathF.FusedMultiplyAdd(left[i], weights[i * Panels.Width], sum);
        }

        return sum;
    }
}
