using System.Collections;
using System.Runtime.InteropServices;

namespace DistillGrpc.Cli;

/// <summary>
/// Has this command begin anew, in the same process, as a Student is run: every method compiled once, and for good. A command that ends soon is faster with
/// methods that are compiled roughly first; what is measured would share its cores with the compiler.
/// </summary>
internal static partial class CompiledProcess
{
    private const string Setting = "DOTNET_TieredCompilation";

    /// <summary>Returns where it is so already, where somebody has said how it is to be, or where the system cannot do it.</summary>
    /// <param name="arguments">The command's arguments.</param>
    public static void BeginAnew(IEnumerable<string> arguments)
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable(Setting) is not null || Environment.ProcessPath is not { } program)
        {
            return;
        }

        // dotnet itself is told what to run.
        string[] own = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [program, Environment.GetCommandLineArgs()[0]] : [program];
        var variables = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(variable => $"{variable.Key}={variable.Value}");
        _ = Execute(program, [.. own, .. arguments, null], [.. variables, $"{Setting}=0", null]);
    }

    [LibraryImport("libc", EntryPoint = "execve", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string program, string?[] arguments, string?[] variables);
}
