using System.Runtime.Intrinsics;

namespace DistillGrpc.Modeling.Engines.Cpu.Kernels;

/// <summary>Products of unsigned and signed bytes, added up exactly, four neighbours to a sum: what a processor may have in one instruction.</summary>
internal interface IByteDot
{
    /// <summary>Its name in an engine's, such as <c>avx-vnni</c>.</summary>
    static abstract string Name { get; }

    /// <summary>Whether the processor has it.</summary>
    static abstract bool IsSupported { get; }

    /// <summary>Adds up: to each of the eight sums the four products that lie at its place.</summary>
    static abstract Vector256<int> Add(Vector256<int> sum, Vector256<byte> left, Vector256<sbyte> right);
}
