namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>Matrix products of rows and <see cref="Panels"/>.</summary>
/// <typeparam name="TRow">A number of a row.</typeparam>
/// <typeparam name="TWeight">A weight.</typeparam>
/// <typeparam name="TSum">A sum.</typeparam>
internal abstract unsafe class PanelKernel<TRow, TWeight, TSum>
    where TRow : unmanaged
    where TWeight : unmanaged
    where TSum : unmanaged
{
    // Rows whose part of a panel's sums is copied together.
    private const int Some = 32;

    /// <summary>Its name in an engine's.</summary>
    public abstract string Name { get; }

    /// <summary>Whether the processor has what it needs.</summary>
    public abstract bool IsSupported { get; }

    /// <summary>Rows that are multiplied together: so many, a multiple of it, are read and written, whatever the last ones are. 1, or a divisor of 32.</summary>
    public virtual int RowsTogether => 1;

    /// <summary>sums[m, n] = the product of row m and column first + n.</summary>
    /// <param name="left">(rows, inner), and rows up to the next multiple of <see cref="RowsTogether"/>.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="inner">Length of a row and of a column.</param>
    /// <param name="right">The columns, as <see cref="Panels"/> lays them.</param>
    /// <param name="first">The first column that is wanted.</param>
    /// <param name="count">How many are.</param>
    /// <param name="sums">(rows, count), written, and rows up to the next multiple.</param>
    public void Multiply(TRow* left, int rows, int inner, TWeight* right, int first, int count, TSum* sums)
    {
        var (begin, end) = ((first + Panels.Width - 1) / Panels.Width * Panels.Width, (first + count) / Panels.Width * Panels.Width);
        if (begin < end)
        {
            Whole(left, rows, inner, right + ((nint)begin * inner), (end - begin) / Panels.Width, sums + (begin - first), count);
        }

        if (first < begin)
        {
            Part(left, rows, inner, right, first, Math.Min(begin, first + count), first, count, sums);
        }

        if (end >= begin && end < first + count)
        {
            Part(left, rows, inner, right, end, first + count, first, count, sums);
        }
    }

    /// <summary>All sums of panels that are wanted whole.</summary>
    /// <param name="left">As <see cref="Multiply"/> takes them.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="inner">Length of a row and of a column.</param>
    /// <param name="right">The first panel.</param>
    /// <param name="panels">How many.</param>
    /// <param name="sums">(rows, stride), of which the panels' columns are written.</param>
    /// <param name="stride">From a row of sums to the next.</param>
    protected abstract void Whole(TRow* left, int rows, int inner, TWeight* right, int panels, TSum* sums, int stride);

    // Some columns of one panel: all are computed, and copied from.
    private void Part(TRow* left, int rows, int inner, TWeight* right, int from, int until, int first, int count, TSum* sums)
    {
        var some = stackalloc TSum[Some * Panels.Width];
        var panel = from / Panels.Width * Panels.Width;
        for (var row = 0; row < rows; row += Some)
        {
            var taken = Math.Min(Some, rows - row);
            Whole(left + ((nint)row * inner), taken, inner, right + ((nint)panel * inner), 1, some, Panels.Width);
            for (var i = 0; i < taken; i++)
            {
                var to = sums + ((nint)(row + i) * count) + (from - first);
                new Span<TSum>(some + (i * Panels.Width) + (from - panel), until - from).CopyTo(new Span<TSum>(to, until - from));
            }
        }
    }
}
