using DistillGrpc.Modeling.Engines.Cpu.Kernels;

namespace DistillGrpc.Modeling.Engines.Cpu.Vnni;

/// <summary>By AVX-512's byte instruction.</summary>
internal sealed unsafe class VnniKernel : ByteKernel
{
    public override string Name => "avx-512-vnni";

    public override bool IsSupported => VnniProgram.IsSupported;

    protected override void Whole(byte* left, int rows, int inner, sbyte* right, int panels, int* sums, int stride)
    {
        var call = new VnniCall
        {
            Weights = right,
            Rows = left,
            Inner = inner,
            Fours = inner / Panels.Together,
            Sums = sums,
            Stride = stride * (nint)sizeof(int),
            RowCount = rows,
            Panels = panels,
        };
        VnniProgram.Run(&call);
    }
}
