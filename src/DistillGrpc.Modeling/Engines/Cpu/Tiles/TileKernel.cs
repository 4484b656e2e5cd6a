using DistillGrpc.Modeling.Engines.Cpu.Kernels;

namespace DistillGrpc.Modeling.Engines.Cpu.Tiles;

/// <summary>Matrix products of signed bytes on AMX, exact. A row's length is a multiple of 64.</summary>
internal sealed unsafe class TileKernel : PanelKernel<sbyte, sbyte, int>
{
    private const int Block = 64;
    private const int Tile = 16;

    /// <summary>The kernel.</summary>
    public static TileKernel Only { get; } = new();

    /// <inheritdoc/>
    public override string Name => "amx";

    /// <summary>Whether processor and system have tiles.</summary>
    public override bool IsSupported => TileProgram.IsSupported;

    /// <inheritdoc/>
    public override int RowsTogether => Tile;

    protected override void Whole(sbyte* left, int rows, int inner, sbyte* right, int panels, int* sums, int stride)
    {
        var tiles = (rows + Tile - 1) / Tile;
        var call = TileCall.Create();
        call.Weights = right;
        call.Rows = left;
        call.Sums = sums;
        (call.Inner, call.Blocks, call.Stride) = (inner, inner / Block, stride * (nint)sizeof(int));
        (call.Groups, call.Half, call.Panels) = (tiles / 2, tiles % 2, panels);
        TileProgram.Run(&call);
    }
}
