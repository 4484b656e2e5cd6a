using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DistillGrpc.Modeling.Engines.Cpu.Kernels;

namespace DistillGrpc.Modeling.Engines.Cpu.Attention;

/// <summary>One head of a whole input: every token is a query. Four queries at a time, by four vectors of keys, or of values.</summary>
internal static unsafe class WholeAttention
{
    private const int Block = 16;
    private const int Tile = 4;
    private const int KeyTile = Tile * Block;

    /// <summary>Floats of scratch that an input of a length needs.</summary>
    public static long ScratchLength(int length, int headSize) => (long)(headSize + Tile) * Padded(length) + Tile * Block;

    /// <summary>Attends.</summary>
    /// <param name="rows">(length, stride): a token's query, key and value behind one another, each as wide as the head.</param>
    /// <param name="stride">From a token to the next.</param>
    /// <param name="length">Tokens.</param>
    /// <param name="headSize">The head's width.</param>
    /// <param name="bias">The biases.</param>
    /// <param name="head">The head.</param>
    /// <param name="scratch">Memory, of <see cref="ScratchLength"/>.</param>
    /// <param name="context">(length, contextStride), of which the head's width is written.</param>
    /// <param name="contextStride">From a token to the next.</param>
    public static void Attend(float* rows, int stride, int length, int headSize, PositionBias bias, int head, float* scratch, float* context, int contextStride)
    {
        var padded = Padded(length);
        var (keys, values) = ((nint)headSize, 2 * (nint)headSize);
        var turned = scratch;
        var scores = scratch + (nint)headSize * padded;
        Turn(rows + keys, stride, length, headSize, turned, padded);
        for (var query = 0; query < length; query += Tile)
        {
            // The last tile computes its last query more than once.
            var most = length - 1;
            float* a = Query(query), b = Query(Math.Min(query + 1, most)), c = Query(Math.Min(query + 2, most)), d = Query(Math.Min(query + 3, most));
            Score(a, b, c, d, headSize, turned, padded, scores);
            for (var i = 0; i < Tile && query + i < length; i++)
            {
                var row = scores + (nint)i * padded;
                var biases = bias.Row(head, query + i);
                for (var j = 0; j < length; j += Block)
                {
                    (Vector512.Load(row + j) + Vector512.Load(biases + j)).Store(row + j);
                }

                RowMath.Softmax(row, length);
            }

            Mix(rows + values, stride, length, headSize, scores, padded, context + (nint)query * contextStride, contextStride, Math.Min(Tile, length - query));
        }

        float* Query(int token) => rows + (nint)token * stride;
    }

    // (length, stride) to (headSize, padded).
    private static void Turn(float* keys, nint stride, int length, int headSize, float* turned, nint padded)
    {
        var squares = SquareTurn.IsSupported && headSize % SquareTurn.Side == 0 ? length / SquareTurn.Side * SquareTurn.Side : 0;
        for (var token = 0; token < squares; token += SquareTurn.Side)
        {
            for (var i = 0; i < headSize; i += SquareTurn.Side)
            {
                SquareTurn.Turn((int*)(keys + (token * stride) + i), stride, (int*)(turned + (i * padded) + token), padded);
            }
        }

        for (var token = squares; token < length; token++)
        {
            for (var i = 0; i < headSize; i++)
            {
                turned[(i * padded) + token] = keys[(token * stride) + i];
            }
        }
    }

    private static int Padded(int length) => (length + KeyTile - 1) / KeyTile * KeyTile;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score(float* a, float* b, float* c, float* d, int headSize, float* turned, nint padded, float* scores)
    {
        for (nint j = 0; j < padded; j += KeyTile)
        {
            Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
            Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
            var keys = turned + j;
            for (var i = 0; i < headSize; i++, keys += padded)
            {
                Vector512<float> k0 = Vector512.Load(keys), k1 = Vector512.Load(keys + 16), k2 = Vector512.Load(keys + 32), k3 = Vector512.Load(keys + 48);
                var q = Vector512.Create(a[i]);
                (a0, a1) = (Vector512.FusedMultiplyAdd(q, k0, a0), Vector512.FusedMultiplyAdd(q, k1, a1));
                (a2, a3) = (Vector512.FusedMultiplyAdd(q, k2, a2), Vector512.FusedMultiplyAdd(q, k3, a3));
                q = Vector512.Create(b[i]);
                (b0, b1) = (Vector512.FusedMultiplyAdd(q, k0, b0), Vector512.FusedMultiplyAdd(q, k1, b1));
                (b2, b3) = (Vector512.FusedMultiplyAdd(q, k2, b2), Vector512.FusedMultiplyAdd(q, k3, b3));
                q = Vector512.Create(c[i]);
                (c0, c1) = (Vector512.FusedMultiplyAdd(q, k0, c0), Vector512.FusedMultiplyAdd(q, k1, c1));
                (c2, c3) = (Vector512.FusedMultiplyAdd(q, k2, c2), Vector512.FusedMultiplyAdd(q, k3, c3));
                q = Vector512.Create(d[i]);
                (d0, d1) = (Vector512.FusedMultiplyAdd(q, k0, d0), Vector512.FusedMultiplyAdd(q, k1, d1));
                (d2, d3) = (Vector512.FusedMultiplyAdd(q, k2, d2), Vector512.FusedMultiplyAdd(q, k3, d3));
            }

            Store(scores + j, a0, a1, a2, a3);
            Store(scores + padded + j, b0, b1, b2, b3);
            Store(scores + 2 * padded + j, c0, c1, c2, c3);
            Store(scores + 3 * padded + j, d0, d1, d2, d3);
        }
    }

    private static void Mix(float* values, nint stride, int length, int headSize, float* weights, nint padded, float* context, nint contextStride, int queries)
    {
        var mixed = stackalloc float[Tile * KeyTile];
        for (var from = 0; from < headSize; from += KeyTile)
        {
            var width = Math.Min(KeyTile, headSize - from);
            if (width == KeyTile)
            {
                Mix64(values + from, stride, length, weights, padded, mixed);
            }
            else
            {
                MixFew(values + from, stride, length, weights, padded, mixed, width);
            }

            for (var i = 0; i < queries; i++)
            {
                new Span<float>(mixed + i * KeyTile, width).CopyTo(new Span<float>(context + i * contextStride + from, width));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix64(float* values, nint stride, int length, float* weights, nint padded, float* mixed)
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        for (var i = 0; i < length; i++, values += stride)
        {
            Vector512<float> v0 = Vector512.Load(values), v1 = Vector512.Load(values + 16), v2 = Vector512.Load(values + 32), v3 = Vector512.Load(values + 48);
            var w = Vector512.Create(weights[i]);
            (a0, a1) = (Vector512.FusedMultiplyAdd(w, v0, a0), Vector512.FusedMultiplyAdd(w, v1, a1));
            (a2, a3) = (Vector512.FusedMultiplyAdd(w, v2, a2), Vector512.FusedMultiplyAdd(w, v3, a3));
            w = Vector512.Create(weights[padded + i]);
            (b0, b1) = (Vector512.FusedMultiplyAdd(w, v0, b0), Vector512.FusedMultiplyAdd(w, v1, b1));
            (b2, b3) = (Vector512.FusedMultiplyAdd(w, v2, b2), Vector512.FusedMultiplyAdd(w, v3, b3));
            w = Vector512.Create(weights[2 * padded + i]);
            (c0, c1) = (Vector512.FusedMultiplyAdd(w, v0, c0), Vector512.FusedMultiplyAdd(w, v1, c1));
            (c2, c3) = (Vector512.FusedMultiplyAdd(w, v2, c2), Vector512.FusedMultiplyAdd(w, v3, c3));
            w = Vector512.Create(weights[3 * padded + i]);
            (d0, d1) = (Vector512.FusedMultiplyAdd(w, v0, d0), Vector512.FusedMultiplyAdd(w, v1, d1));
            (d2, d3) = (Vector512.FusedMultiplyAdd(w, v2, d2), Vector512.FusedMultiplyAdd(w, v3, d3));
        }

        Store(mixed, a0, a1, a2, a3);
        Store(mixed + KeyTile, b0, b1, b2, b3);
        Store(mixed + 2 * KeyTile, c0, c1, c2, c3);
        Store(mixed + 3 * KeyTile, d0, d1, d2, d3);
    }

    // What lies beyond the width belongs to another head, and is not copied.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MixFew(float* values, nint stride, int length, float* weights, nint padded, float* mixed, int width)
    {
        for (var from = 0; from < width; from += Block)
        {
            Vector512<float> a = default, b = default, c = default, d = default;
            var value = values + from;
            for (var i = 0; i < length; i++, value += stride)
            {
                var v = Vector512.Load(value);
                a = Vector512.FusedMultiplyAdd(Vector512.Create(weights[i]), v, a);
                b = Vector512.FusedMultiplyAdd(Vector512.Create(weights[padded + i]), v, b);
                c = Vector512.FusedMultiplyAdd(Vector512.Create(weights[2 * padded + i]), v, c);
                d = Vector512.FusedMultiplyAdd(Vector512.Create(weights[3 * padded + i]), v, d);
            }

            a.Store(mixed + from);
            b.Store(mixed + KeyTile + from);
            c.Store(mixed + 2 * KeyTile + from);
            d.Store(mixed + 3 * KeyTile + from);
        }
    }

    private static void Store(float* to, Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        a.Store(to);
        b.Store(to + 16);
        c.Store(to + 32);
        d.Store(to + 48);
    }
}
