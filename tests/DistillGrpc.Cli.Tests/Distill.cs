using System.Diagnostics;

namespace DistillGrpc.Cli.Tests;

/// <summary>Runs the command line as a process of its own.</summary>
internal static class Distill
{
    public static string Assembly { get; } = typeof(Distill).Assembly.Location.Replace("DistillGrpc.Cli.Tests.dll", "DistillGrpc.Cli.dll", StringComparison.Ordinal);

    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Assembly);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // What the operator has set for services of his own is not meant for the quickstart's.
        start.Environment["DISTILL_Teachers__gpt__ApiKey"] = "sk-0";
        start.Environment["DISTILL_DefaultModel"] = "none";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}
