using System.Runtime.InteropServices;

namespace DistillGrpc.Modeling.Training;

/// <summary>What becomes of the memory that a step's tensors leave behind.</summary>
public static partial class FreedMemory
{
    private const int TrimThreshold = -1; // M_TRIM_THRESHOLD
    private const int MapThreshold = -3; // M_MMAP_THRESHOLD
    private const int Kept = 512 << 20;
    private const int LargestKept = 32 << 20;

    /// <summary>
    /// Has glibc keep up to 512 MiB of freed memory for the next step, for the whole process. By default it hands large
    /// tensors back to the kernel at once, and every step pays for zeroed pages again. Elsewhere it does nothing.
    /// </summary>
    public static void Keep()
    {
        if (OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libc.so.6", out var libc) && NativeLibrary.TryGetExport(libc, "mallopt", out _))
        {
            _ = Mallopt(MapThreshold, LargestKept);
            _ = Mallopt(TrimThreshold, Kept);
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "mallopt")]
    private static partial int Mallopt(int parameter, int value);
}
