using System.Numerics;
using System.Runtime.InteropServices;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>Passes over logits that run at the memory's speed.</summary>
internal static class LogitMath
{
    private const int Block = 1024;

    // The largest.
    public static float Max(ReadOnlySpan<float> values)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        var most = new Vector<float>(float.NegativeInfinity);
        foreach (var vector in vectors)
        {
            most = Vector.Max(most, vector);
        }

        var max = float.NegativeInfinity;
        for (var i = 0; i < Vector<float>.Count; i++)
        {
            max = Math.Max(max, most[i]);
        }

        foreach (var value in values[(vectors.Length * Vector<float>.Count)..])
        {
            max = Math.Max(max, value);
        }

        return max;
    }

    // Where the largest is; of equal ones the first. Floats are not searched by vectors, their bits are.
    public static int IndexOfMax(ReadOnlySpan<float> values) => MemoryMarshal.Cast<float, int>(values).IndexOf(BitConverter.SingleToInt32Bits(Max(values)));

    /// <exception cref="NonFiniteLogitsException">One is not finite.</exception>
    public static void RequireFinite(ReadOnlySpan<float> values)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        var zeros = Vector<float>.Zero;
        foreach (var vector in vectors)
        {
            // 0 where it is finite, else NaN.
            zeros += vector - vector;
        }

        var rest = 0f;
        foreach (var value in values[(vectors.Length * Vector<float>.Count)..])
        {
            rest += value - value;
        }

        if (!(zeros == Vector<float>.Zero && rest == 0))
        {
            throw new NonFiniteLogitsException();
        }
    }

    // log(sum(exp(values))).
    public static double LogSumExp(ReadOnlySpan<float> values)
    {
        var max = Max(values);
        var sum = 0.0;
        for (; values.Length > 0; values = values[Math.Min(Block, values.Length)..])
        {
            sum += SumExp(values[..Math.Min(Block, values.Length)], max);
        }

        return max + Math.Log(sum);
    }

    private static double SumExp(ReadOnlySpan<float> values, float max)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        var (sums, most) = (Vector<float>.Zero, new Vector<float>(max));
        foreach (var vector in vectors)
        {
            sums += Vector.Exp(vector - most);
        }

        var sum = (double)Vector.Sum(sums);
        foreach (var value in values[(vectors.Length * Vector<float>.Count)..])
        {
            sum += Math.Exp(value - max);
        }

        return sum;
    }
}
