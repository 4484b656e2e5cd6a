using Grpc.Core;

namespace DistillGrpc.Cli;

/// <summary>What a command's failure looks like: one line on stderr, and an exit code.</summary>
internal static class Failures
{
    public const int Failed = 1;

    public const int Interrupted = 130;

    /// <summary>What a shell says of a program that SIGPIPE has ended.</summary>
    public const int OutputClosed = 141;

    public static async Task<int> Guard(Func<Task> command, CancellationToken cancellationToken)
    {
        // The command line listens for Ctrl-C only when a command has first given way.
        await Task.Yield();
        try
        {
            await command();
            return 0;
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Interrupted.");
            return Interrupted;
        }
        catch (Exception failure) when (StandardOutput.IsClosed(failure))
        {
            return OutputClosed;
        }
        catch (RpcException failure)
        {
            await Console.Error.WriteLineAsync($"error: {FieldOptions.Named(failure)}");
            return Failed;
        }
        catch (Exception failure)
        {
            await Console.Error.WriteLineAsync($"error: {failure.Message}");
            return Failed;
        }
    }
}
