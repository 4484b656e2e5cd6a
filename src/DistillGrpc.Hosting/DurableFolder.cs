using System.Runtime.InteropServices;

namespace DistillGrpc.Hosting;

/// <summary>Folders that are there whole or not at all, also after a power cut: their files are on the disk before the folder has its name.</summary>
public static class DurableFolder
{
    /// <summary>Gives a finished folder its name.</summary>
    /// <param name="finished">The folder, on the same file system.</param>
    /// <param name="place">Its new path, where nothing is.</param>
    /// <exception cref="IOException">A file cannot be synced, or the folder not moved; it stays where it is.</exception>
    public static void Publish(string finished, string place)
    {
        foreach (var path in Directory.EnumerateFiles(finished, "*", SearchOption.AllDirectories))
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            RandomAccess.FlushToDisk(file);
        }

        Sync(finished);
        Directory.Move(finished, place);
        Sync(Path.GetDirectoryName(place)!);
    }

    // .NET opens no folders; elsewhere than on Linux the names are left to the file system.
    internal static void Sync(string folder)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var descriptor = open(folder, 0);
        if (descriptor < 0)
        {
            throw new IOException($"The folder cannot be synced (errno {Marshal.GetLastPInvokeError()}).");
        }

        try
        {
            if (fsync(descriptor) != 0)
            {
                throw new IOException($"The folder cannot be synced (errno {Marshal.GetLastPInvokeError()}).");
            }
        }
        finally
        {
            _ = close(descriptor);
        }
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern int fsync(int descriptor);

    [DllImport("libc", SetLastError = true)]
    private static extern int close(int descriptor);
}
