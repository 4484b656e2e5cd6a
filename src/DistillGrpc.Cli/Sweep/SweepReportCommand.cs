using System.CommandLine;
using DistillGrpc.Cli.Sweep.Runs;

namespace DistillGrpc.Cli.Sweep;

/// <summary><c>distill sweep report</c>: writes a sweep's report anew from its folder; no Student is needed.</summary>
internal static class SweepReportCommand
{
    public static Command Create()
    {
        var folder = new Argument<DirectoryInfo>("folder") { Description = "A sweep's folder." };
        var json = new Option<bool>("--json") { Description = "Prints the means of all cells as one JSON object." };
        var command = new Command("report", "Writes the report of a sweep's folder anew, as far as its runs have ended.") { folder, json };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () =>
            {
                SweepCommand.Report(new ResultFolder(parsed.GetValue(folder)!), parsed.GetValue(json));
                return Task.CompletedTask;
            },
            cancellationToken));
        return command;
    }
}
