using System.Runtime.Intrinsics;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>
/// Matrix products of float32. Each product is one sum from the first number to the last, every step rounded once (fused), whatever is computed beside it and however wide the
/// processor's vectors are: the same numbers in any company and on any processor.
/// </summary>
internal abstract unsafe class FloatKernel
{
    /// <summary>The fastest that the processor has.</summary>
    public static FloatKernel Best { get; } = All.First(kernel => kernel.IsSupported);

    /// <summary>All there are, the fastest first, those among them that this processor has not.</summary>
    public static IReadOnlyList<FloatKernel> All =>
        [new FloatKernel<Lane512, Vector512<float>>(), new FloatKernel<Lane256, Vector256<float>>(), new FloatKernel<Lane128, Vector128<float>>()];

    /// <summary>Its name.</summary>
    public abstract string Name { get; }

    /// <summary>Whether the processor has what it needs.</summary>
    public abstract bool IsSupported { get; }

    /// <summary>The product of one row and one column, the same number as <see cref="Multiply"/>'s.</summary>
    public static float Dot(float* left, int inner, float* right, int column)
    {
        var weights = right + FloatPanels.Start(column, inner);
        var sum = 0f;
        for (nint i = 0; i < inner; i++)
        {
            sum = MathF.FusedMultiplyAdd(left[i], weights[i * FloatPanels.Width], sum);
        }

        return sum;
    }

    /// <summary>sums[m, n] = the product of row m and column first + n.</summary>
    /// <param name="left">(rows, inner).</param>
    /// <param name="rows">Rows.</param>
    /// <param name="inner">Length of a row and of a column.</param>
    /// <param name="right">The columns, as <see cref="FloatPanels"/> lays them.</param>
    /// <param name="first">The first column that is wanted.</param>
    /// <param name="count">How many are.</param>
    /// <param name="sums">(rows, count), written.</param>
    public abstract void Multiply(float* left, int rows, int inner, float* right, int first, int count, float* sums);
}
