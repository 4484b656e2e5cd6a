using System.Text;
using Microsoft.Win32.SafeHandles;

namespace DistillGrpc.Cli;

/// <summary>
/// Standard output that fails where nobody reads it any more (<c>distill teach | head</c>). The console's own swallows that, and rows
/// that go nowhere would be paid for.
/// </summary>
internal static class StandardOutput
{
    private const int BrokenPipe = 32;

    /// <summary>Has <see cref="Console.Out"/> fail where it is a pipe; a file keeps its place among those that write to it, and a terminal its own ways.</summary>
    public static void FailWhereNobodyReads()
    {
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected)
        {
            return;
        }

        var output = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        if (!output.CanSeek)
        {
            Console.SetOut(new StreamWriter(output, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true });
        }
    }

    /// <summary>Nobody reads it any more.</summary>
    public static bool IsClosed(Exception failure) => failure is IOException { HResult: BrokenPipe };
}
