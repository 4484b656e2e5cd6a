using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>What is done to one row at a time. Lengths are multiples of 16.</summary>
internal static unsafe class RowMath
{
    private const int Block = 16;
    private const float MostByte = 127;

    /// <summary>Rounds up to what all kernels take.</summary>
    public static int Padded(int length) => (length + 63) & ~63;

    /// <summary>T5's norm: to = values * weights / sqrt(mean(values^2) + epsilon).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Norm(float* values, float* weights, int length, int modelSize, float epsilon, float* to)
    {
        Vector512<float> a = default, b = default;
        for (var i = 0; i < length; i += 2 * Block)
        {
            var (x, y) = (Vector512.Load(values + i), Vector512.Load(values + i + Block));
            (a, b) = (Vector512.FusedMultiplyAdd(x, x, a), Vector512.FusedMultiplyAdd(y, y, b));
        }

        var scale = Vector512.Create(1 / MathF.Sqrt(Vector512.Sum(a + b) / modelSize + epsilon));
        for (var i = 0; i < length; i += Block)
        {
            (Vector512.Load(values + i) * scale * Vector512.Load(weights + i)).Store(to + i);
        }
    }

    /// <summary>Rounds to bytes of -127 to 127, so that the largest is one of them.</summary>
    /// <param name="values">(length).</param>
    /// <param name="length">How many.</param>
    /// <param name="signed">(length), written.</param>
    /// <param name="shifted">(length), written: 128 more; null: not wanted.</param>
    /// <returns>What a byte stands for.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Quantize(float* values, int length, sbyte* signed, byte* shifted)
    {
        var most = Largest(values, length);
        // What is not finite stays so: a scale that is none makes all sums so.
        var (scale, inverse) = (most / MostByte, most > 0 && float.IsFinite(most) ? MostByte / most : 0);
        var factor = Vector512.Create(inverse);
        var flip = Vector128.Create((byte)0x80);
        for (var i = 0; i < length; i += Block)
        {
            var bytes = Bytes(Vector512.Load(values + i) * factor);
            bytes.Store(signed + i);
            if (shifted is not null)
            {
                (bytes.AsByte() ^ flip).Store(shifted + i);
            }
        }

        return scale;
    }

    /// <summary>The largest of the numbers' sizes; not a number where one of them is not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Largest(float* values, int length)
    {
        // Four at a time: each waits for the one before.
        Vector512<float> a = default, b = default, c = default, d = default;
        var i = 0;
        for (; i + (4 * Block) <= length; i += 4 * Block)
        {
            a = Vector512.Max(a, Vector512.Abs(Vector512.Load(values + i)));
            b = Vector512.Max(b, Vector512.Abs(Vector512.Load(values + i + Block)));
            c = Vector512.Max(c, Vector512.Abs(Vector512.Load(values + i + (2 * Block))));
            d = Vector512.Max(d, Vector512.Abs(Vector512.Load(values + i + (3 * Block))));
        }

        for (; i < length; i += Block)
        {
            a = Vector512.Max(a, Vector512.Abs(Vector512.Load(values + i)));
        }

        return Highest(Vector512.Max(Vector512.Max(a, b), Vector512.Max(c, d)));
    }

    /// <summary>to += values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* values, int length, float* to)
    {
        var i = 0;
        for (; i + Block <= length; i += Block)
        {
            (Vector512.Load(to + i) + Vector512.Load(values + i)).Store(to + i);
        }

        for (; i < length; i++)
        {
            to[i] += values[i];
        }
    }

    /// <summary>The feed-forward layer's activation: to = f(values), or f(values) * gated.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Activate(T5Activation activation, float* values, float* gated, int length, float* to)
    {
        var i = 0;
        for (; i + Block <= length; i += Block)
        {
            var x = Activate(activation, Vector512.Load(values + i));
            (gated is null ? x : x * Vector512.Load(gated + i)).Store(to + i);
        }

        for (; i < length; i++)
        {
            to[i] = Activate(activation, Vector512.Create(values[i]))[0] * (gated is null ? 1 : gated[i]);
        }
    }

    /// <summary>Scores to weights that add up to one.</summary>
    /// <param name="scores">(length), changed; the block that it ends in must be the caller's to write.</param>
    /// <param name="length">How many, any number.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(float* scores, int length)
    {
        for (var i = length; i % Block != 0; i++)
        {
            scores[i] = float.NegativeInfinity;
        }

        var most = Vector512.Create(float.NegativeInfinity);
        for (var i = 0; i < length; i += Block)
        {
            most = Vector512.Max(most, Vector512.Load(scores + i));
        }

        var highest = Highest(most);
        if (!float.IsFinite(highest))
        {
            // Whatever comes of it is not finite either, and is found out.
            new Span<float>(scores, length).Fill(float.NaN);
            return;
        }

        var shift = Vector512.Create(highest);
        var sum = Vector512<float>.Zero;
        for (var i = 0; i < length; i += Block)
        {
            var weight = Exp(Vector512.Load(scores + i) - shift);
            weight.Store(scores + i);
            sum += weight;
        }

        var scale = Vector512.Create(1 / Vector512.Sum(sum));
        for (var i = 0; i < length; i += Block)
        {
            (Vector512.Load(scores + i) * scale).Store(scores + i);
        }
    }

    // By 2^n and a polynomial on what is left, right to two units in the last place; below -87 what is nearest to zero.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Exp(Vector512<float> x)
    {
        x = Vector512.MinNative(Vector512.MaxNative(x, Vector512.Create(-87.33f)), Vector512.Create(88.37f));
        var n = Vector512.Round(x * Vector512.Create(1.44269504f));
        var rest = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), x);
        rest = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), rest);
        var sum = Vector512.FusedMultiplyAdd(Vector512.Create(1.9875691500e-4f), rest, Vector512.Create(1.3981999507e-3f));
        sum = Vector512.FusedMultiplyAdd(sum, rest, Vector512.Create(8.3334519073e-3f));
        sum = Vector512.FusedMultiplyAdd(sum, rest, Vector512.Create(4.1665795894e-2f));
        sum = Vector512.FusedMultiplyAdd(sum, rest, Vector512.Create(1.6666665459e-1f));
        sum = Vector512.FusedMultiplyAdd(sum, rest, Vector512.Create(5.0000001201e-1f));
        sum = Vector512.FusedMultiplyAdd(sum, rest * rest, rest + Vector512<float>.One);
        return (sum.AsInt32() + (Vector512.ConvertToInt32Native(n) << 23)).AsSingle();
    }

    private static float Highest(Vector512<float> values)
    {
        var half = Vector256.Max(values.GetLower(), values.GetUpper());
        var quarter = Vector128.Max(half.GetLower(), half.GetUpper());
        return MathF.Max(MathF.Max(quarter[0], quarter[1]), MathF.Max(quarter[2], quarter[3]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Activate(T5Activation activation, Vector512<float> x) => activation switch
    {
        T5Activation.Relu => Vector512.Max(x, Vector512<float>.Zero),
        // 0.5 (1 + tanh(y)) = 1 / (1 + exp(-2 y)).
        T5Activation.GeluNew => x * Sigmoid(x * Vector512.FusedMultiplyAdd(x * x, Vector512.Create(2 * 0.7978845608f * 0.044715f), Vector512.Create(2 * 0.7978845608f))),
        T5Activation.Gelu => x * NormalShare(x),
        _ => x * Sigmoid(x),
    };

    private static Vector512<float> Sigmoid(Vector512<float> x) => Vector512<float>.One / (Vector512<float>.One + Exp(-x));

    // The normal distribution's share below x, from the error function by Abramowitz and Stegun 7.1.26, right to 1.5e-7.
    private static Vector512<float> NormalShare(Vector512<float> x)
    {
        var z = Vector512.Abs(x) * Vector512.Create(0.70710678f);
        var t = Vector512<float>.One / Vector512.FusedMultiplyAdd(z, Vector512.Create(0.3275911f), Vector512<float>.One);
        var sum = Vector512.Create(1.061405429f);
        foreach (var factor in (ReadOnlySpan<float>)[-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f])
        {
            sum = Vector512.FusedMultiplyAdd(sum, t, Vector512.Create(factor));
        }

        var tail = Vector512.Create(0.5f) * sum * t * Exp(-z * z);
        return Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512<float>.Zero), Vector512<float>.One - tail, tail);
    }

    // To the nearest, of two as near the even one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Bytes(Vector512<float> values)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.ConvertToVector128SByteWithSaturation(Avx512F.ConvertToVector512Int32(values));
        }

        var numbers = Vector512.ConvertToInt32(Vector512.Round(values));
        var shorts = Vector256.Narrow(numbers.GetLower(), numbers.GetUpper());
        return Vector128.Narrow(shorts.GetLower(), shorts.GetUpper());
    }
}
