using System.Runtime.InteropServices;

namespace DistillGrpc.Modeling.Engines.Cpu.Tiles;

/// <summary>What <see cref="TileProgram"/> is called with; it knows where the fields lie.</summary>
[StructLayout(LayoutKind.Explicit, Size = 120)]
internal unsafe struct TileCall
{
    /// <summary>How the tiles are cut, as LDTILECFG reads it.</summary>
    [FieldOffset(0)]
    public fixed byte Configuration[64];

    /// <summary>(32, inner): the columns' weights.</summary>
    [FieldOffset(64)]
    public sbyte* Weights;

    /// <summary>Bytes from a column's weights to the next column's.</summary>
    [FieldOffset(72)]
    public nint Inner;

    /// <summary>The rows, as <see cref="TileRows"/> lays them.</summary>
    [FieldOffset(80)]
    public sbyte* Rows;

    /// <summary>Inner by 64.</summary>
    [FieldOffset(88)]
    public nint Blocks;

    /// <summary>For every 32 rows four tiles of (16 columns, 16 rows), written: the first columns by the first rows, by the others, then the other columns.</summary>
    [FieldOffset(96)]
    public int* Sums;

    /// <summary>Rows by 32.</summary>
    [FieldOffset(104)]
    public nint Groups;

    /// <summary>The columns that are multiplied next: they are not read, but asked for.</summary>
    [FieldOffset(112)]
    public sbyte* Next;

    /// <summary>A call whose tiles all have 16 rows of 64 bytes.</summary>
    public static TileCall Create()
    {
        var call = default(TileCall);
        call.Configuration[0] = 1;
        for (var tile = 0; tile < 8; tile++)
        {
            call.Configuration[16 + 2 * tile] = 64;
            call.Configuration[48 + tile] = 16;
        }

        return call;
    }
}
