using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Memory that libtorch and our kernels both work on: a flat tensor, and where it lies.</summary>
internal sealed unsafe class TensorMemory : IDisposable
{
    private readonly Tensor _flat;

    public TensorMemory(long length, ScalarType type)
    {
        using var scope = NewDisposeScope();
        Length = length;
        _flat = zeros(length, type).DetachFromDisposeScope();
        fixed (byte* start = &MemoryMarshal.GetReference(_flat.bytes))
        {
            Pointer = start;
        }
    }

    /// <summary>Where it begins.</summary>
    public byte* Pointer { get; private set; }

    /// <summary>Elements.</summary>
    public long Length { get; private set; }

    /// <summary>Memory of at least so many elements: the given one, or a new one in its place.</summary>
    public static TensorMemory AtLeast(TensorMemory? memory, long length, ScalarType type)
    {
        if (memory is not null && memory.Length >= length)
        {
            return memory;
        }

        memory?.Dispose();
        return new TensorMemory(length, type);
    }

    /// <summary>A part of it as a matrix, in the caller's scope.</summary>
    public Tensor View(long first, long rows, long columns) => _flat.narrow(0, first, rows * columns).view(rows, columns);

    public void Dispose()
    {
        _flat.Dispose();
        Pointer = null;
        // Where no larger one can be had, nobody takes this one for large enough.
        Length = 0;
    }
}
