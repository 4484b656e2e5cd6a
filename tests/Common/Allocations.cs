namespace DistillGrpc.Tests;

/// <summary>What the calling thread allocates on the heap.</summary>
internal static class Allocations
{
    /// <summary>
    /// Bytes that every run allocates, of four: a collection that another thread begins meanwhile counts what is left of this thread's
    /// buffer as allocated, too.
    /// </summary>
    public static long Of(Action run)
    {
        var least = long.MaxValue;
        for (var i = 0; i < 4; i++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            run();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
