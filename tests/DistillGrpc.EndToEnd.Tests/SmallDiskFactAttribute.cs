using System.Diagnostics;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>A test on a file system of its own; where the system does not let one be mounted it is skipped, and says so.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SmallDiskFactAttribute : FactAttribute
{
    private static readonly bool IsPermitted = Try();

    public SmallDiskFactAttribute() => Skip = IsPermitted ? null : "needs a file system of its own (unshare -rm)";

    private static bool Try()
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
