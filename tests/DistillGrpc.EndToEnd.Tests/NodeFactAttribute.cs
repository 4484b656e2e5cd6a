using System.ComponentModel;
using System.Diagnostics;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>A test with the client in another language, tests/node-client. Without Node.js, or npm's registry to install from, it is skipped, and says so.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NodeFactAttribute : FactAttribute
{
    private static readonly string Client = Path.Combine(BuiltFrom(), "tests", "node-client");
    private static readonly string? Missing = Find();

    public NodeFactAttribute() => Skip = Missing;

    /// <summary>Whether what it needs is there.</summary>
    public static bool IsInstalled => File.Exists(Path.Combine(Client, "node_modules", ".package-lock.json"));

    /// <summary>Runs a program in the client's folder, to the end.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = Client, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }

    private static string? Find()
    {
        try
        {
            return RunAsync("node", "--version").Result.ExitCode != 0 ? "needs Node.js"
                : IsInstalled || RunAsync("npm", "view", "@grpc/grpc-js", "version", "--fetch-retries=0", "--fetch-timeout=20000").Result.ExitCode == 0 ? null
                : "needs npm's registry, which cannot be reached";
        }
        catch (AggregateException absent) when (absent.InnerException is Win32Exception)
        {
            return "needs Node.js and npm";
        }
    }

    private static string BuiltFrom()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "DistillGrpc.sln")))
        {
            folder = folder.Parent!;
        }

        return folder.FullName;
    }
}
