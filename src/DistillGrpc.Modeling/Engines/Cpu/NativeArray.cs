using System.Runtime.InteropServices;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Memory outside of the heap, at a cache line's start.</summary>
internal sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    private const int Alignment = 64;

    /// <summary>An array.</summary>
    /// <param name="length">How many.</param>
    /// <param name="isCleared">Whether all are zero; else they are whatever was there.</param>
    public NativeArray(long length, bool isCleared = true)
    {
        Pointer = (T*)NativeMemory.AlignedAlloc((nuint)Math.Max(1, length) * (nuint)sizeof(T), Alignment);
        Length = length;
        if (isCleared)
        {
            NativeMemory.Clear(Pointer, (nuint)length * (nuint)sizeof(T));
        }
    }

    ~NativeArray() => Free();

    public T* Pointer { get; private set; }

    public long Length { get; private set; }

    /// <summary>An array of at least so many: the given one, or a new one in its place.</summary>
    public static NativeArray<T> AtLeast(NativeArray<T>? array, long length)
    {
        if (array is not null && array.Length >= length)
        {
            return array;
        }

        array?.Dispose();
        return new NativeArray<T>(length);
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(Pointer);
        Pointer = null;
        // Where no larger one can be had, nobody takes this one for large enough.
        Length = 0;
    }
}
