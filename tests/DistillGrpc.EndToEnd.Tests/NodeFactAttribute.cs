using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>A test with the client in another language, tests/node-client. Without Node.js, or npm's registry to install from, it is skipped, and says so.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NodeFactAttribute : FactAttribute
{
    private static readonly string Client = Path.Combine(BuiltFrom(), "tests", "node-client");
    private static readonly string? Missing = Find();

    // As package.json has it.
    private const int LeastVersion = 20;

    public NodeFactAttribute() => Skip = Missing;

    /// <summary>Whether what it needs is there, as the lock file has it now.</summary>
    public static bool IsInstalled => IsInstalledIn(Client);

    /// <summary>The same of a folder: npm writes down what it has installed, in the lock file's words.</summary>
    internal static bool IsInstalledIn(string folder)
    {
        var installed = Path.Combine(folder, "node_modules", ".package-lock.json");
        return File.Exists(installed) && Packages(installed).SetEquals(Packages(Path.Combine(folder, "package-lock.json")));
    }

    /// <summary>Why a Node.js of this version is not enough (<c>v20.1.0</c>), or null.</summary>
    internal static string? Refusal(string version) => int.TryParse(version.TrimStart('v').Split('.')[0], out var major) && major >= LeastVersion ? null : $"needs Node.js {LeastVersion}, and there is {version.Trim()}";

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
            var node = RunAsync("node", "--version").Result;
            return node.ExitCode != 0 ? "needs Node.js"
                : Refusal(node.Output) is { } refusal ? refusal
                : IsInstalled || RunAsync("npm", "view", "@grpc/grpc-js", "version", "--fetch-retries=0", "--fetch-timeout=20000").Result.ExitCode == 0 ? null
                : "needs npm's registry, which cannot be reached";
        }
        catch (AggregateException absent) when (absent.InnerException is Win32Exception)
        {
            return "needs Node.js and npm";
        }
    }

    // With the hash of each; the project itself has none.
    private static HashSet<string> Packages(string lockFile)
    {
        using var parsed = JsonDocument.Parse(File.ReadAllBytes(lockFile));
        return [.. parsed.RootElement.GetProperty("packages").EnumerateObject().Where(package => package.Name.Length > 0).Select(package => $"{package.Name} {package.Value.GetProperty("integrity")}")];
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
