using DistillGrpc.Modeling.Engines.Cpu.Kernels;

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
            SquareTurn.Turn(tile, Side, sums + column, count);
            return;
        }

        var turned = stackalloc int[Tile];
        if (rows > 0)
        {
            SquareTurn.Turn(tile, Side, turned, Side);
        }

        var (from, to) = (Math.Max(0, column), Math.Min(count, column + Side));
        for (var row = 0; row < rows && from < to; row++)
        {
            new Span<int>(turned + row * Side + from - column, to - from).CopyTo(new Span<int>(sums + (nint)row * count + from, to - from));
        }
    }
}
