using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistillGrpc.Modeling.Engines.Cpu.Tiles;

/// <summary>Matrix products of signed bytes on AMX, exact.</summary>
internal static unsafe class TileKernel
{
    /// <summary>Columns that are multiplied together: weights must have room for so many.</summary>
    public const int Columns = 32;

    private const int Side = 16;
    private const int Tile = Side * Side;

    /// <summary>Whether processor and system have tiles.</summary>
    public static bool IsSupported => TileProgram.IsSupported;

    /// <summary>Ints that a call needs besides for its sums.</summary>
    public static long ScratchLength(int rows) => (long)(rows + TileRows.Group - 1) / TileRows.Group * 4 * Tile;

    /// <summary>sums[m, n] = the product of row m and column first + n.</summary>
    /// <param name="left">The rows, as <see cref="TileRows"/> lays them.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="inner">Length of a row and of a column, a multiple of 64.</param>
    /// <param name="right">(columns, inner), and at least (32, inner).</param>
    /// <param name="columns">Columns that there are.</param>
    /// <param name="first">The first that is wanted.</param>
    /// <param name="count">How many are.</param>
    /// <param name="scratch">(<see cref="ScratchLength"/>).</param>
    /// <param name="sums">(rows, count), written.</param>
    public static void Multiply(sbyte* left, int rows, int inner, sbyte* right, int columns, int first, int count, int* scratch, int* sums)
    {
        var call = TileCall.Create();
        call.Rows = left;
        call.Sums = scratch;
        (call.Inner, call.Blocks, call.Groups) = (inner, inner / TileRows.Block, (rows + TileRows.Group - 1) / TileRows.Group);
        for (var done = 0; done < count; done += Columns)
        {
            // The last ones may begin before what is wanted: nothing behind the weights is read.
            var start = Start(done);
            call.Weights = right + (nint)start * inner;
            call.Next = right + (nint)Start(Math.Min(done + Columns, count - 1)) * inner;
            TileProgram.Run(&call);
            for (var tile = 0; tile < 4 * call.Groups; tile++)
            {
                var row = tile / 4 * TileRows.Group + tile % 2 * Side;
                var column = start - first + tile % 4 / 2 * Side;
                Put(scratch + (nint)tile * Tile, Math.Min(Side, rows - row), sums + (nint)row * count, count, column);
            }
        }

        int Start(int done) => Math.Max(0, Math.Min(first + done, columns - Columns));
    }

    // A tile has the columns as its rows.
    private static void Put(int* tile, int rows, int* sums, int count, int column)
    {
        if (rows == Side && column >= 0 && column + Side <= count)
        {
            Turn(tile, sums + column, count);
            return;
        }

        var turned = stackalloc int[Tile];
        if (rows > 0)
        {
            Turn(tile, turned, Side);
        }

        var (from, to) = (Math.Max(0, column), Math.Min(count, column + Side));
        for (var row = 0; row < rows && from < to; row++)
        {
            new Span<int>(turned + row * Side + from - column, to - from).CopyTo(new Span<int>(sums + (nint)row * count + from, to - from));
        }
    }

    /// <summary>to[j, i] = tile[i, j].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Turn(int* tile, int* to, nint stride)
    {
        var (a0, a1, a2, a3) = Quarter(tile);
        var (b0, b1, b2, b3) = Quarter(tile + 4 * Side);
        var (c0, c1, c2, c3) = Quarter(tile + 8 * Side);
        var (d0, d1, d2, d3) = Quarter(tile + 12 * Side);
        Lanes(a0, b0, c0, d0, to, stride);
        Lanes(a1, b1, c1, d1, to + stride, stride);
        Lanes(a2, b2, c2, d2, to + 2 * stride, stride);
        Lanes(a3, b3, c3, d3, to + 3 * stride, stride);
    }

    // Four rows: of every four columns the first, second, third and fourth of all rows together.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<int> First, Vector512<int> Second, Vector512<int> Third, Vector512<int> Fourth) Quarter(int* rows)
    {
        Vector512<int> a = Vector512.Load(rows), b = Vector512.Load(rows + Side), c = Vector512.Load(rows + 2 * Side), d = Vector512.Load(rows + 3 * Side);
        var (low, high) = (Avx512F.UnpackLow(a, b).AsInt64(), Avx512F.UnpackHigh(a, b).AsInt64());
        var (nextLow, nextHigh) = (Avx512F.UnpackLow(c, d).AsInt64(), Avx512F.UnpackHigh(c, d).AsInt64());
        return (Avx512F.UnpackLow(low, nextLow).AsInt32(), Avx512F.UnpackHigh(low, nextLow).AsInt32(), Avx512F.UnpackLow(high, nextHigh).AsInt32(), Avx512F.UnpackHigh(high, nextHigh).AsInt32());
    }

    // Four columns at a distance of four.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Lanes(Vector512<int> a, Vector512<int> b, Vector512<int> c, Vector512<int> d, int* to, nint stride)
    {
        const byte Even = 0x88;
        const byte Odd = 0xdd;
        var (evenLeft, oddLeft) = (Avx512F.Shuffle4x128(a, b, Even), Avx512F.Shuffle4x128(a, b, Odd));
        var (evenRight, oddRight) = (Avx512F.Shuffle4x128(c, d, Even), Avx512F.Shuffle4x128(c, d, Odd));
        Avx512F.Shuffle4x128(evenLeft, evenRight, Even).Store(to);
        Avx512F.Shuffle4x128(oddLeft, oddRight, Even).Store(to + 4 * stride);
        Avx512F.Shuffle4x128(evenLeft, evenRight, Odd).Store(to + 8 * stride);
        Avx512F.Shuffle4x128(oddLeft, oddRight, Odd).Store(to + 12 * stride);
    }
}
