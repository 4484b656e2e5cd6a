using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistillGrpc.Modeling.Engines.Cpu.Attention;

/// <summary>Attention over numbers that are kept in one way. Nearly all T5 have heads of 64: that is a path of its own.</summary>
internal sealed unsafe class CachedAttention<TNumber> : CachedAttention
    where TNumber : struct, ICacheNumber
{
    private const int Block = 16;
    private const int UsualWidth = 64;
    private const int CacheLine = 64;

    public override int Bytes => TNumber.Bytes;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Attend(
        float* query, byte* keys, byte* values, int size, int width, int length, float* bias, float* scores, float* context, byte* keysAhead, byte* valuesAhead)
    {
        var block = (nint)Block * width * TNumber.Bytes;
        for (var i = 0; i < length; i += Block, keys += block)
        {
            keysAhead = Fetch(keysAhead, block);
            // Four sums, so that none waits for itself.
            Vector512<float> a = default, b = default, c = default, d = default;
            var (j, key) = (0, (nint)keys);
            for (; j + 4 <= size; j += 4, key += 4 * Block * TNumber.Bytes)
            {
                a = Vector512.FusedMultiplyAdd(Vector512.Create(query[j]), TNumber.Load((byte*)key), a);
                b = Vector512.FusedMultiplyAdd(Vector512.Create(query[j + 1]), TNumber.Load((byte*)key + Block * TNumber.Bytes), b);
                c = Vector512.FusedMultiplyAdd(Vector512.Create(query[j + 2]), TNumber.Load((byte*)key + 2 * Block * TNumber.Bytes), c);
                d = Vector512.FusedMultiplyAdd(Vector512.Create(query[j + 3]), TNumber.Load((byte*)key + 3 * Block * TNumber.Bytes), d);
            }

            for (; j < size; j++, key += Block * TNumber.Bytes)
            {
                a = Vector512.FusedMultiplyAdd(Vector512.Create(query[j]), TNumber.Load((byte*)key), a);
            }

            var sum = a + b + (c + d);
            (bias is null ? sum : sum + Vector512.Load(bias + i)).Store(scores + i);
        }

        RowMath.Softmax(scores, length);
        if (width == UsualWidth)
        {
            Mix64(values, length, scores, context, valuesAhead);
        }
        else
        {
            Mix(values, width, length, scores, context);
        }
    }

    public override void PutKey(float* from, int width, byte* keys, int place)
    {
        var kept = stackalloc byte[Block * TNumber.Bytes];
        var to = keys + ((nint)(place / Block) * Block * width + place % Block) * TNumber.Bytes;
        for (var i = 0; i < width; i += Block)
        {
            TNumber.Store(Vector512.Load(from + i), kept);
            TNumber.Scatter(kept, to + (nint)i * Block * TNumber.Bytes, Block, Block);
        }
    }

    public override void PutValue(float* from, int width, byte* values, int place)
    {
        var to = values + (nint)place * width * TNumber.Bytes;
        for (var i = 0; i < width; i += Block)
        {
            TNumber.Store(Vector512.Load(from + i), to + (nint)i * TNumber.Bytes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix64(byte* values, int length, float* weights, float* context, byte* ahead)
    {
        Vector512<float> a = default, b = default, c = default, d = default;
        for (var i = 0; i < length; i++, values += UsualWidth * TNumber.Bytes)
        {
            ahead = Fetch(ahead, UsualWidth * TNumber.Bytes);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

    // To the second cache, which has room for a row's keys and values.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Fetch(byte* ahead, nint length)
    {
        for (nint i = 0; Sse.IsSupported && ahead is not null && i < length; i += CacheLine)
        {
            Sse.Prefetch1(ahead + i);
        }

        return ahead is null ? null : ahead + length;
    }
}
