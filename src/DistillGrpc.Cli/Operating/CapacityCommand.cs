using System.CommandLine;
using System.Globalization;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Operating;

/// <summary><c>distill capacity</c>: what a Student has loaded, and how busy it is.</summary>
internal static class CapacityCommand
{
    private static readonly string[] Header = ["version", "state", "waiting", "of batches", "rows", "context tokens", "steps/s", "tokens/s", "weights"];

    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Prints the contract's message as one JSON object, in camelCase and with defaults." };
        var student = Addresses.Student();
        var command = new Command("capacity", "Shows the versions that a Student has loaded, how busy they are, and what they have room for.") { json, student };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                using var channel = Addresses.Connect("--student", parsed.GetValue(student)!);
                var capacity = await new AdminClient(channel).GetCapacityAsync(cancellationToken);
                Console.WriteLine(parsed.GetValue(json) ? ProtoJson.Text(capacity) : Text(capacity));
            },
            cancellationToken));
        return command;
    }

    private static string Text(GetCapacityResponse capacity)
    {
        string[][] rows = [Header, .. capacity.Versions.Select(Cells)];
        var widths = Enumerable.Range(0, Header.Length).Select(i => rows.Max(row => row[i].Length)).ToArray();
        var lines = rows.Select(row => string.Join("  ", row.Select((cell, i) => i < 2 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))).TrimEnd());
        var process = capacity.Process;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{string.Join('\n', lines)}\n{process.ResidentBytes / 1048576.0:0} MiB, {process.Threads} threads, {process.InferenceCalls} calls inside{(process.Draining ? ", draining" : "")}");
    }

    private static string[] Cells(VersionCapacity version) =>
    [
        version.Name,
        version.ExplainsOnly ? $"{version.State} (explains only)" : $"{version.State}",
        $"{version.InteractiveWaiting}/{version.MaxWaiting}",
        $"{version.BatchWaiting}/{version.MaxWaiting}",
        $"{version.Rows}/{version.MaxRows}",
        $"{version.ContextTokens}/{version.MaxContextTokens}",
        version.StepsPerSecond.ToString("0.0", CultureInfo.InvariantCulture),
        version.TokensPerSecond.ToString("0.0", CultureInfo.InvariantCulture),
        string.Create(CultureInfo.InvariantCulture, $"{version.WeightBytes / 1048576.0:0.0} MiB"),
    ];
}
