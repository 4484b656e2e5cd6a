using System.Runtime.InteropServices;

namespace DistillGrpc.Modeling.Engines.Cpu.Vnni;

/// <summary>What <see cref="VnniProgram"/> is called with; it knows where the fields lie.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal unsafe struct VnniCall
{
    /// <summary>The first panel of weights.</summary>
    [FieldOffset(0)]
    public sbyte* Weights;

    /// <summary>The rows.</summary>
    [FieldOffset(8)]
    public byte* Rows;

    /// <summary>Bytes from a row to the next.</summary>
    [FieldOffset(16)]
    public nint Inner;

    /// <summary>Inner by four.</summary>
    [FieldOffset(24)]
    public nint Fours;

    /// <summary>The first row's first sum.</summary>
    [FieldOffset(32)]
    public int* Sums;

    /// <summary>Bytes from a row of sums to the next.</summary>
    [FieldOffset(40)]
    public nint Stride;

    /// <summary>Rows.</summary>
    [FieldOffset(48)]
    public nint RowCount;

    /// <summary>Panels.</summary>
    [FieldOffset(56)]
    public nint Panels;
}
