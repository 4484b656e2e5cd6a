using DistillGrpc.Modeling.Engines.Cpu.Tiles;

namespace DistillGrpc.Modeling.Tests.Engines.Cpu;

/// <summary>A test of the unit for tiles; skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TilesFactAttribute : FactAttribute
{
    public TilesFactAttribute() => Skip = TileKernel.IsSupported ? null : "This processor, or its system, has no AMX.";
}
