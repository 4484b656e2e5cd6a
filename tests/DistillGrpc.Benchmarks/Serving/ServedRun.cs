using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace DistillGrpc.Benchmarks.Serving;

/// <summary>Ours, as a caller sees it: <c>distill bench</c>, a Student with callers over HTTP/2, in a process of its own.</summary>
internal sealed class ServedRun(int threads, double seconds, int warmUp)
{
    /// <summary>Measures a cell.</summary>
    /// <exception cref="InvalidDataException">It failed.</exception>
    public async Task<ServingTimes> MeasureAsync(ServingCell cell, CancellationToken cancellationToken)
    {
        string[] arguments =
        [
            Path.Combine(AppContext.BaseDirectory, "DistillGrpc.Cli.dll"), "bench", "--model-preset", cell.Shape, "--random-weights", "--engine", "cpu", "--precision", cell.IsInt8 ? "int8" : "float32",
            "--threads", $"{threads}", "--input-tokens", $"{ServingCell.InputTokens}", "--output-tokens", $"{ServingCell.OutputTokens}", "--concurrency", $"{cell.Batch}", "--together",
            "--seconds", seconds.ToString(CultureInfo.InvariantCulture), "--warm-up", $"{warmUp * cell.Batch}", "--json",
        ];
        using var process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
        {
            throw new InvalidDataException($"distill bench ended with {process.ExitCode}.");
        }

        var result = JsonDocument.Parse(output).RootElement.GetProperty("results")[0];
        var tokens = result.GetProperty("outputTokens");
        return tokens.GetProperty("min").GetInt32() == ServingCell.OutputTokens && tokens.GetProperty("max").GetInt32() == ServingCell.OutputTokens
            ? new ServingTimes(Median("allAnsweredMs"), Median("allBegunMs"))
            : throw new InvalidDataException("Not every answer had its tokens.");

        double Median(string name) => result.GetProperty(name).GetProperty("p50").GetDouble();
    }
}
