using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;

namespace DistillGrpc.Hosting;

/// <summary>A service as a process.</summary>
public static class ServiceProgram
{
    /// <summary>Runs the service until it is asked to stop. What keeps it from starting is one line on stderr.</summary>
    /// <returns>The process's exit code: 0, or 1 where it could not start.</returns>
    public static async Task<int> RunAsync(Func<WebApplication> create)
    {
        try
        {
            await using var app = create();
            await app.StartAsync();
            await app.WaitForShutdownAsync();
            return 0;
        }
        catch (Exception refused) when (refused is InvalidOperationException or IOException or PlatformNotSupportedException or UnauthorizedAccessException or FormatException)
        {
            await Console.Error.WriteLineAsync($"error: {refused.Message}");
            return 1;
        }
    }
}
