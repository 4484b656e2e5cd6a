using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace DistillGrpc.Benchmarks.Serving;

/// <summary>The engine to beat, driven directly: a program that is called with <c>MODEL int8|f32 THREADS BATCH SECONDS</c> and prints a line of JSON.</summary>
internal sealed class PeerRun(string path, int threads, double seconds)
{
    /// <summary>Why it is left out; null while it works.</summary>
    public string? Missing { get; private set; } = File.Exists(path) ? null : $"there is no {path}";

    /// <summary>Measures a cell; null where the peer cannot be run.</summary>
    public async Task<ServingTimes?> MeasureAsync(ServingCell cell, CancellationToken cancellationToken)
    {
        if (Missing is not null)
        {
            return null;
        }

        var start = new ProcessStartInfo(Path.GetFullPath(path), [$"{cell.Shape}-shape", cell.IsInt8 ? "int8" : "f32", $"{threads}", $"{cell.Batch}", seconds.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The system's own Python, for which Debian packages NumPy.
        start.Environment["PATH"] = $"/usr/bin:{Environment.GetEnvironmentVariable("PATH")}";
        try
        {
            using var process = Process.Start(start)!;
            var (output, error) = (process.StandardOutput.ReadToEndAsync(cancellationToken), process.StandardError.ReadToEndAsync(cancellationToken));
            await process.WaitForExitAsync(cancellationToken);
            if (process.ExitCode == 0)
            {
                return Read((await output).TrimEnd().Split('\n')[^1]);
            }

            Missing = $"it ended with {process.ExitCode}: {(await error).TrimEnd().Split('\n')[^1]}";
        }
        catch (Win32Exception failed)
        {
            Missing = failed.Message;
        }

        return null;
    }

    private static ServingTimes Read(string line)
    {
        var result = JsonDocument.Parse(line).RootElement;
        return new ServingTimes(Median("request"), Median("ttft"));

        double Median(string name) => result.GetProperty(name).GetProperty("median_ms").GetDouble();
    }
}
