using System.Runtime.InteropServices;

namespace DistillGrpc.Modeling.Engines.Cpu.Tiles;

/// <summary>What <see cref="TileProgram"/> is called with; it knows where the fields lie.</summary>
[StructLayout(LayoutKind.Explicit, Size = 136)]
internal unsafe struct TileCall
{
    /// <summary>How the tiles are cut, as LDTILECFG reads it.</summary>
    [FieldOffset(0)]
    public fixed byte Configuration[64];

    /// <summary>The first panel of weights.</summary>
    [FieldOffset(64)]
    public sbyte* Weights;

    /// <summary>The rows.</summary>
    [FieldOffset(72)]
    public sbyte* Rows;

    /// <summary>Bytes from a row to the next.</summary>
    [FieldOffset(80)]
    public nint Inner;

    /// <summary>Inner by 64.</summary>
    [FieldOffset(88)]
    public nint Blocks;

    /// <summary>The first row's first sum; all are written.</summary>
    [FieldOffset(96)]
    public int* Sums;

    /// <summary>Bytes from a row of sums to the next.</summary>
    [FieldOffset(104)]
    public nint Stride;

    /// <summary>Rows by 32.</summary>
    [FieldOffset(112)]
    public nint Groups;

    /// <summary>One if 16 rows follow, else zero.</summary>
    [FieldOffset(120)]
    public nint Half;

    /// <summary>Panels.</summary>
    [FieldOffset(128)]
    public nint Panels;

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
