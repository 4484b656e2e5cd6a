using DistillGrpc.Modeling.Engines.Cpu.Vnni;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>Matrix products of bytes, exact: rows that are unsigned by weights that are signed. A row's length is a multiple of eight.</summary>
internal abstract unsafe class ByteKernel : PanelKernel<byte, sbyte, int>
{
    /// <summary>The fastest that the processor has.</summary>
    public static ByteKernel Best { get; } = All.First(kernel => kernel.IsSupported);

    /// <summary>All there are, the fastest first, those among them that this processor has not.</summary>
    public static IReadOnlyList<ByteKernel> All => [new VnniKernel(), new ByteKernel<AvxVnniDot>(), new ByteKernel<Avx2Dot>(), new ByteKernel<PortableDot>()];

    /// <summary>The product of one row and one column.</summary>
    public static int Dot(byte* left, int inner, sbyte* right, int column)
    {
        var weights = Panels.Start(right, inner, column);
        var sum = 0;
        for (nint i = 0; i < inner; i += Panels.Together)
        {
            var four = (sbyte*)(weights + (i / Panels.Together * Panels.Width));
            sum += (left[i] * four[0]) + (left[i + 1] * four[1]) + (left[i + 2] * four[2]) + (left[i + 3] * four[3]);
        }

        return sum;
    }
}
