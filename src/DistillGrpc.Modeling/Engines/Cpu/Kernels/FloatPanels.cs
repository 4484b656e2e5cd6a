namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>
/// Weights (columns, inner) as <see cref="FloatKernel"/> reads them: 32 columns side by side, first all their first numbers, then all their second ones. So a vector
/// belongs to as many columns, and no vector's numbers need adding up.
/// </summary>
internal static unsafe class FloatPanels
{
    /// <summary>Columns that lie side by side.</summary>
    public const int Width = 32;

    /// <summary>Numbers of all panels; columns that there are not are part of the last.</summary>
    public static long Length(int columns, int inner) => ((long)columns + Width - 1) / Width * Width * inner;

    /// <summary>Where a column begins; its numbers are <see cref="Width"/> apart.</summary>
    public static nint Start(int column, int inner) => (nint)(column / Width * Width) * inner + column % Width;

    /// <summary>Lays a column.</summary>
    /// <param name="values">(length).</param>
    /// <param name="length">The column's own length, at most inner.</param>
    /// <param name="inner">Length of all columns.</param>
    /// <param name="column">Its number.</param>
    /// <param name="panels">All panels.</param>
    public static void Put(float* values, int length, int inner, int column, float* panels)
    {
        var to = panels + Start(column, inner);
        for (nint i = 0; i < length; i++)
        {
            to[i * Width] = values[i];
        }
    }

    /// <summary>A column as it was put, with what lies behind its own length.</summary>
    /// <param name="panels">All panels.</param>
    /// <param name="inner">Length of all columns.</param>
    /// <param name="column">Its number.</param>
    /// <param name="to">(inner), written.</param>
    public static void Read(float* panels, int inner, int column, float* to)
    {
        var from = panels + Start(column, inner);
        for (nint i = 0; i < inner; i++)
        {
            to[i] = from[i * Width];
        }
    }
}
