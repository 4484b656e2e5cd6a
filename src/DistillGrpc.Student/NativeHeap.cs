using System.Runtime.InteropServices;

namespace DistillGrpc.Student;

/// <summary>
/// The memory that libtorch and our engine take from the C library. glibc gives every thread that asks for some a pool of its own, of which little comes back: each version
/// that is loaded runs on a thread of its own, so that a Student would grow with every swap.
/// </summary>
internal static partial class NativeHeap
{
    private const int ArenaMax = -8;
    private const int Pools = 2;

    /// <summary>Has threads share two pools; whoever sets MALLOC_ARENA_MAX knows better. Before other threads have begun.</summary>
    public static void Share() => Ask(() =>
    {
        if (Environment.GetEnvironmentVariable("MALLOC_ARENA_MAX") is null)
        {
            _ = Set(ArenaMax, Pools);
        }
    });

    /// <summary>Gives back what is free between what is in use, after much has been freed. Takes some milliseconds.</summary>
    public static void Trim() => Ask(static () => _ = GiveBack(0));

    private static void Ask(Action library)
    {
        try
        {
            if (OperatingSystem.IsLinux())
            {
                library();
            }
        }
        catch (Exception other) when (other is EntryPointNotFoundException or DllNotFoundException)
        {
            // Another C library, such as musl, which has no such pools.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int Set(int setting, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int GiveBack(nuint left);
}
