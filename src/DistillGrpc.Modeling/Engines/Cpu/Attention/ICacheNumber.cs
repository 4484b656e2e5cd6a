using System.Runtime.Intrinsics;

namespace DistillGrpc.Modeling.Engines.Cpu.Attention;

/// <summary>How the numbers of keys and values are kept.</summary>
internal unsafe interface ICacheNumber
{
    /// <summary>Bytes of a number.</summary>
    static abstract int Bytes { get; }

    /// <summary>Reads sixteen.</summary>
    static abstract Vector512<float> Load(byte* from);

    /// <summary>Copies numbers as they are kept, to places that are a number of numbers apart.</summary>
    static abstract void Scatter(byte* from, byte* to, nint count, nint stride);

    /// <summary>Writes sixteen.</summary>
    static abstract void Store(Vector512<float> values, byte* to);
}
