namespace DistillGrpc.Modeling.Engines.Cpu.Tiles;

/// <summary>Rows of bytes as the unit for tiles reads them: by 32 rows, by 64 bytes, by 16 rows, then four bytes of every row.</summary>
internal static unsafe class TileRows
{
    /// <summary>Rows that are multiplied together.</summary>
    public const int Group = 32;

    /// <summary>Bytes of a row that are multiplied together.</summary>
    public const int Block = 64;

    /// <summary>Bytes for so many rows; those that fill a group up count for nothing, whatever they are.</summary>
    public static long Length(int rows, int inner) => (long)(rows + Group - 1) / Group * Group * inner;

    /// <summary>Puts a row into its place.</summary>
    /// <param name="values">(inner).</param>
    /// <param name="inner">Bytes of a row, a multiple of 64.</param>
    /// <param name="row">The row.</param>
    /// <param name="to">The rows.</param>
    public static void Put(sbyte* values, int inner, int row, sbyte* to)
    {
        const int Tile = Group / 2;
        var place = to + (nint)(row / Group) * Group * inner + row % Group / Tile * Tile * Block + row % Tile * sizeof(int);
        for (var block = 0; block < inner; block += Block, place += Group * Block)
        {
            var from = (int*)(values + block);
            for (var i = 0; i < Block / sizeof(int); i++)
            {
                *(int*)(place + i * Block) = from[i];
            }
        }
    }
}
