using System.Runtime.Intrinsics;

namespace DistillGrpc.Modeling.Engines.Cpu.Attention;

/// <summary>Attention over numbers that are kept in one way. Nearly all T5 have heads of 64: that is a path of its own.</summary>
internal sealed unsafe class CachedAttention<TNumber> : CachedAttention
    where TNumber : struct, ICacheNumber
{
    private const int Block = 16;
    private const int UsualWidth = 64;

    public override int Bytes => TNumber.Bytes;

    public override void Attend(float* query, byte* keys, byte* values, int width, int length, float* bias, float* scores, float* context)
    {
        if (width == UsualWidth)
        {
            Score64(query, keys, length, scores);
        }
        else
        {
            Score(query, keys, width, length, scores);
        }

        for (var i = 0; bias is not null && i < length; i += Block)
        {
            (Vector512.Load(scores + i) + Vector512.Load(bias + i)).Store(scores + i);
        }

        RowMath.Softmax(scores, length);
        if (width == UsualWidth)
        {
            Mix64(values, length, scores, context);
        }
        else
        {
            Mix(values, width, length, scores, context);
        }
    }

    public override void Put(float* from, int width, byte* to)
    {
        for (var i = 0; i < width; i += Block)
        {
            TNumber.Store(Vector512.Load(from + i), to + (nint)i * TNumber.Bytes);
        }
    }

    private static void Score64(float* query, byte* keys, int length, float* scores)
    {
        Vector512<float> q0 = Vector512.Load(query), q1 = Vector512.Load(query + 16), q2 = Vector512.Load(query + 32), q3 = Vector512.Load(query + 48);
        for (var i = 0; i < length; i++, keys += UsualWidth * TNumber.Bytes)
        {
            var first = Vector512.FusedMultiplyAdd(q1, TNumber.Load(keys + 16 * TNumber.Bytes), q0 * TNumber.Load(keys));
            var second = Vector512.FusedMultiplyAdd(q3, TNumber.Load(keys + 48 * TNumber.Bytes), q2 * TNumber.Load(keys + 32 * TNumber.Bytes));
            scores[i] = Vector512.Sum(first + second);
        }
    }

    private static void Score(float* query, byte* keys, int width, int length, float* scores)
    {
        for (var i = 0; i < length; i++, keys += (nint)width * TNumber.Bytes)
        {
            var sum = Vector512<float>.Zero;
            for (var j = 0; j < width; j += Block)
            {
                sum = Vector512.FusedMultiplyAdd(Vector512.Load(query + j), TNumber.Load(keys + (nint)j * TNumber.Bytes), sum);
            }

            scores[i] = Vector512.Sum(sum);
        }
    }

    private static void Mix64(byte* values, int length, float* weights, float* context)
    {
        Vector512<float> a = default, b = default, c = default, d = default;
        for (var i = 0; i < length; i++, values += UsualWidth * TNumber.Bytes)
        {
            var weight = Vector512.Create(weights[i]);
            a = Vector512.FusedMultiplyAdd(weight, TNumber.Load(values), a);
            b = Vector512.FusedMultiplyAdd(weight, TNumber.Load(values + 16 * TNumber.Bytes), b);
            c = Vector512.FusedMultiplyAdd(weight, TNumber.Load(values + 32 * TNumber.Bytes), c);
            d = Vector512.FusedMultiplyAdd(weight, TNumber.Load(values + 48 * TNumber.Bytes), d);
        }

        a.Store(context);
        b.Store(context + 16);
        c.Store(context + 32);
        d.Store(context + 48);
    }

    private static void Mix(byte* values, int width, int length, float* weights, float* context)
    {
        for (var j = 0; j < width; j += Block)
        {
            var sum = Vector512<float>.Zero;
            for (var i = 0; i < length; i++)
            {
                sum = Vector512.FusedMultiplyAdd(Vector512.Create(weights[i]), TNumber.Load(values + ((nint)i * width + j) * TNumber.Bytes), sum);
            }

            sum.Store(context + j);
        }
    }
}
