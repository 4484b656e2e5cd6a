using System.Collections;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace DistillGrpc.Cli;

/// <summary>
/// Has this command begin anew, in the same process, with every method compiled once, and for good, as a Student's are. A command that ends soon is faster with
/// methods that are compiled roughly first; what is measured would share its cores with the compiler.
/// </summary>
internal static partial class CompiledProcess
{
    private const string Setting = "DOTNET_TieredCompilation";
    private const string OldSetting = "COMPlus_TieredCompilation";

    /// <summary>Returns where it is so already, where somebody has said how it is to be, or where the system cannot do it.</summary>
    public static void BeginAnew()
    {
        if (!OperatingSystem.IsLinux() || Debugger.IsAttached || Environment.ProcessPath is not { } program
            || (Environment.GetEnvironmentVariable(Setting) ?? Environment.GetEnvironmentVariable(OldSetting)) is not null)
        {
            return;
        }

        // dotnet itself is told what to run, and perhaps how.
        var line = File.ReadAllText("/proc/self/cmdline").Split('\0');
        // What tools find this process by: it is made anew.
        var temporary = new DirectoryInfo(Path.GetTempPath());
        Array.ForEach(temporary.Exists ? temporary.GetFiles($"dotnet-diagnostic-{Environment.ProcessId}-*-socket") : [], socket => socket.Delete());
        var variables = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(variable => $"{variable.Key}={variable.Value}");
        _ = Execute(program, [.. line[..^1], null], [.. variables, $"{Setting}=0", null]);
    }

    [LibraryImport("libc", EntryPoint = "execve", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string program, string?[] arguments, string?[] variables);
}
