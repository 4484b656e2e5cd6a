namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>
/// Weights (columns, inner) as the kernels read them: 32 columns side by side. Of float32 first all their first numbers, then all their second ones; of bytes their first four each, then
/// their second four. So a vector of sums belongs to as many columns, and none needs adding up; and what is read lies in the order in which it is read.
/// </summary>
internal static unsafe class Panels
{
    /// <summary>Columns that lie side by side.</summary>
    public const int Width = 32;

    /// <summary>Bytes of a column that lie together.</summary>
    public const int Together = 4;

    /// <summary>Numbers of all panels; columns that there are not are part of the last.</summary>
    public static long Length(int columns, int inner) => ((long)columns + Width - 1) / Width * Width * inner;

    /// <summary>Lays a column.</summary>
    /// <param name="values">(length).</param>
    /// <param name="length">The column's own length, at most inner.</param>
    /// <param name="inner">Length of all columns.</param>
    /// <param name="column">Its number.</param>
    /// <param name="panels">All panels.</param>
    public static void Put(float* values, int length, int inner, int column, float* panels)
    {
        var to = Start(panels, inner, column);
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
        var from = Start(panels, inner, column);
        for (nint i = 0; i < inner; i++)
        {
            to[i] = from[i * Width];
        }
    }

    /// <summary>Lays a column of bytes, whose length is a multiple of <see cref="Together"/>.</summary>
    public static void Put(sbyte* values, int inner, int column, sbyte* panels)
    {
        var to = Start(panels, inner, column);
        for (nint i = 0; i < inner / Together; i++)
        {
            to[i * Width] = ((int*)values)[i];
        }
    }

    /// <summary>A column's numbers, <see cref="Width"/> apart.</summary>
    public static float* Start(float* panels, int inner, int column) => panels + ((nint)(column / Width * Width) * inner) + (column % Width);

    /// <summary>A column's bytes, four each, <see cref="Width"/> fours apart.</summary>
    public static int* Start(sbyte* panels, int inner, int column) => (int*)(panels + ((nint)(column / Width * Width) * inner)) + (column % Width);
}
