using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>Passes over logits that run at the memory's speed.</summary>
internal static class LogitMath
{
    private const int Block = 1024;

    // The largest; none is not a number.
    public static float Max(ReadOnlySpan<float> values)
    {
        // Four at a time: each waits for the one before.
        var vectors = MemoryMarshal.Cast<float, Vector512<float>>(values);
        var a = Vector512.Create(float.NegativeInfinity);
        var (b, c, d) = (a, a, a);
        var i = 0;
        for (; i + 4 <= vectors.Length; i += 4)
        {
            (a, b) = (Vector512.MaxNative(a, vectors[i]), Vector512.MaxNative(b, vectors[i + 1]));
            (c, d) = (Vector512.MaxNative(c, vectors[i + 2]), Vector512.MaxNative(d, vectors[i + 3]));
        }

        var most = Vector512.MaxNative(Vector512.MaxNative(a, b), Vector512.MaxNative(c, d));
        var max = float.NegativeInfinity;
        for (var place = 0; place < Vector512<float>.Count; place++)
        {
            max = Math.Max(max, most[place]);
        }

        foreach (var value in values[(i * Vector512<float>.Count)..])
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
        var vectors = MemoryMarshal.Cast<float, Vector512<float>>(values);
        Vector512<float> a = default, b = default, c = default, d = default;
        var i = 0;
        for (; i + 4 <= vectors.Length; i += 4)
        {
            // 0 where it is finite, else NaN.
            (a, b) = (a + (vectors[i] - vectors[i]), b + (vectors[i + 1] - vectors[i + 1]));
            (c, d) = (c + (vectors[i + 2] - vectors[i + 2]), d + (vectors[i + 3] - vectors[i + 3]));
        }

        var rest = 0f;
        foreach (var value in values[(i * Vector512<float>.Count)..])
        {
            rest += value - value;
        }

        if (!(a + b + c + d == Vector512<float>.Zero && rest == 0))
        {
            throw new NonFiniteLogitsException();
        }
    }

    // The largest; NaN where one is not finite.
    public static float FiniteMax(ReadOnlySpan<float> values)
    {
        var vectors = MemoryMarshal.Cast<float, Vector512<float>>(values);
        var (max, next) = (Vector512.Create(float.NegativeInfinity), Vector512.Create(float.NegativeInfinity));
        Vector512<float> strange = default, stranger = default;
        var i = 0;
        for (; i + 2 <= vectors.Length; i += 2)
        {
            var (a, b) = (vectors[i], vectors[i + 1]);
            (max, next) = (Vector512.MaxNative(max, a), Vector512.MaxNative(next, b));
            (strange, stranger) = (strange + (a - a), stranger + (b - b));
        }

        var rest = values[(i * Vector512<float>.Count)..];
        var most = float.NegativeInfinity;
        var off = 0f;
        foreach (var value in rest)
        {
            most = Math.Max(most, value);
            off += value - value;
        }

        max = Vector512.MaxNative(max, next);
        for (var place = 0; place < Vector512<float>.Count && i > 0; place++)
        {
            most = Math.Max(most, max[place]);
        }

        return strange + stranger == Vector512<float>.Zero && off == 0 ? most : float.NaN;
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
