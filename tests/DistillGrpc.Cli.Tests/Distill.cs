using System.Diagnostics;

namespace DistillGrpc.Cli.Tests;

/// <summary>Runs the command line as a process of its own.</summary>
internal static class Distill
{
    public static string Assembly { get; } = typeof(Distill).Assembly.Location.Replace("DistillGrpc.Cli.Tests.dll", "DistillGrpc.Cli.dll", StringComparison.Ordinal);

    public static Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments) => RunAsync(default, arguments);

    /// <summary>Runs it with something piped in.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(PipedIn piped, string[] arguments)
    {
        using var process = Start(arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.StandardInput.WriteAsync(piped.Text ?? "");
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended without reading all of it.
        }

        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }

    /// <summary>Starts it; the caller feeds, reads and awaits it. Ctrl-C reaches it, whatever the test host was started with.</summary>
    public static Process Start(params string[] arguments) => Run(["env", "--default-signal=INT", "dotnet", Assembly, .. arguments]);

    /// <summary>The same, but it begins when a line is written to it.</summary>
    public static Process StartHeld(params string[] arguments) => Run(["sh", "-c", "read -r _; exec \"$@\"", "sh", "env", "--default-signal=INT", "dotnet", Assembly, .. arguments]);

    private static Process Run(string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };

        // What the operator has set for services of his own is not meant for the quickstart's.
        start.Environment["DISTILL_Teachers__gpt__ApiKey"] = "sk-0";
        start.Environment["DISTILL_DefaultModel"] = "none";
        return Process.Start(start)!;
    }

    /// <summary>What is piped in.</summary>
    public readonly record struct PipedIn(string Text);
}
