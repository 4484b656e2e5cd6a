using System.Runtime.InteropServices;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Pages of two megabytes for memory that is read from end to end: with those of four kilobytes the processor looks up where half a million lie for each two gigabytes.</summary>
internal static unsafe partial class LargePages
{
    private const int HugePages = 14;

    /// <summary>Asks the system for large pages, where it gives them to those who ask. Before the memory is touched.</summary>
    /// <param name="memory">Where it begins.</param>
    /// <param name="bytes">How much.</param>
    public static void Ask(byte* memory, long bytes)
    {
        // What is less than a page at either end stays as it is.
        var page = (nint)Environment.SystemPageSize;
        var first = ((nint)memory + page - 1) / page * page;
        var end = ((nint)memory + (nint)bytes) / page * page;
        if (OperatingSystem.IsLinux() && end > first)
        {
            // A system that has none says no, and nothing changes.
            _ = Advise((void*)first, (nuint)(end - first), HugePages);
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* memory, nuint bytes, int advice);
}
