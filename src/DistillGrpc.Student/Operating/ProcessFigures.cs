using System.Globalization;

namespace DistillGrpc.Student.Operating;

/// <summary>What Linux says of the process, from one small file.</summary>
internal static class ProcessFigures
{
    private const string File = "/proc/self/status";

    /// <summary>Bytes in memory, and threads; 0 of what is not said.</summary>
    public static (long ResidentBytes, int Threads) Read()
    {
        var (resident, threads) = (0L, 0);
        foreach (var line in System.IO.File.ReadLines(File))
        {
            resident = NumberOf(line, "VmRSS:") is { } kilobytes ? kilobytes << 10 : resident;
            threads = (int)(NumberOf(line, "Threads:") ?? threads);
        }

        return (resident, threads);
    }

    private static long? NumberOf(string line, string name) =>
        line.StartsWith(name, StringComparison.Ordinal) && long.TryParse(line.AsSpan(name.Length).Trim().TrimEnd(" kB"), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
