using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Cli;

/// <summary>What services need that a command starts within its own process.</summary>
internal static class EmbeddedService
{
    private static readonly TimeSpan StartsWithin = TimeSpan.FromDays(1);

    /// <summary>Makes a folder for their state, among the temporary files, and deletes those of processes that were killed: what a running one uses is locked.</summary>
    /// <param name="command">Whose it is.</param>
    public static string CreateFolder(string command)
    {
        var prefix = $"distill-{command}-";
        foreach (var folder in Directory.GetDirectories(Path.GetTempPath(), prefix + "*"))
        {
            try
            {
                DeleteUnused(folder);
            }
            catch (Exception inUse) when (inUse is IOException or UnauthorizedAccessException)
            {
                // Somebody else's, or not there any more.
            }
        }

        return Directory.CreateTempSubdirectory(prefix).FullName;
    }

    private static void DeleteUnused(string folder)
    {
        var used = Path.Combine(folder, "distill-student.lock");
        if (File.Exists(used))
        {
            using (new FileStream(used, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
            {
            }
        }
        else if (DateTime.UtcNow - Directory.GetLastWriteTimeUtc(folder) < StartsWithin)
        {
            // Its service may be about to start; one that was killed before it had is not.
            return;
        }

        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Has a service say only what went wrong, on stderr.</summary>
    public static void Quiet(WebApplicationBuilder builder)
    {
        builder.Logging.ClearProviders();
        builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace).SetMinimumLevel(LogLevel.Error);
    }
}
