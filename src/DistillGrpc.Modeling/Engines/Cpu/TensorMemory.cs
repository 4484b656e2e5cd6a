using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Memory that libtorch and our kernels both work on: a flat tensor, and where it lies.</summary>
internal sealed unsafe class TensorMemory : IDisposable
{
    private readonly Tensor _flat;

    public TensorMemory(long length, ScalarType type)
        : this(length, () => zeros(length, type))
    {
    }

    private TensorMemory(long length, Func<Tensor> create)
    {
        using var scope = NewDisposeScope();
        Length = length;
        _flat = create().DetachFromDisposeScope();
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

    /// <summary>Memory for so many bytes; what is in it is not said.</summary>
    public static TensorMemory InLargePages(long bytes)
    {
        var memory = new TensorMemory(bytes, () => empty(bytes, int8));
        LargePages.Ask(memory.Pointer, bytes);
        return memory;
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
