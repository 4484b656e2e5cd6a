using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;

namespace DistillGrpc.Hosting;

/// <summary>A service as a process.</summary>
public static class ServiceProgram
{
    /// <summary>Runs the service until it is asked to stop. What keeps it from starting is one line on stderr.</summary>
    /// <returns>The process's exit code: 0, or 1 where it could not start or had to stop.</returns>
    public static async Task<int> RunAsync(Func<WebApplication> create)
    {
        try
        {
            await using var app = create();
            await app.StartAsync();
            await app.WaitForShutdownAsync();
            return Environment.ExitCode;
        }
        catch (Exception refused) when (refused is InvalidOperationException or IOException or InvalidDataException or PlatformNotSupportedException or UnauthorizedAccessException or FormatException)
        {
            // What cannot be converted says so behind the setting's name.
            await Console.Error.WriteLineAsync($"error: {refused.Message}{(refused.InnerException is FormatException { Message: var why } ? $" {why}" : "")}");
            return 1;
        }
    }
}
