namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>Matrix products of bytes, exact: rows that are unsigned by weights that are signed.</summary>
internal abstract unsafe class ByteKernel
{
    /// <summary>Bytes that a row's length must be a multiple of.</summary>
    public const int Block = 32;

    /// <summary>The fastest that the processor has.</summary>
    public static ByteKernel Best { get; } = All.First(kernel => kernel.IsSupported);

    /// <summary>All there are, the fastest first, those among them that this processor has not.</summary>
    public static IReadOnlyList<ByteKernel> All => [new ByteKernel<AvxVnniDot>(), new ByteKernel<Avx512Dot>(), new ByteKernel<Avx2Dot>(), new ByteKernel<PortableDot>()];

    /// <summary>Its name in an engine's.</summary>
    public abstract string Name { get; }

    /// <summary>Whether the processor has what it needs.</summary>
    public abstract bool IsSupported { get; }

    /// <summary>sums[m, n] = the product of row m and column n.</summary>
    /// <param name="left">(rows, inner), unsigned.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="inner">Length of a row and of a column, a multiple of <see cref="Block"/>.</param>
    /// <param name="right">(columns, inner), signed.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="sums">(rows, stride), of which the first so many columns are written.</param>
    /// <param name="stride">From a row of sums to the next.</param>
    public abstract void Multiply(byte* left, int rows, int inner, sbyte* right, int columns, int* sums, int stride);
}
