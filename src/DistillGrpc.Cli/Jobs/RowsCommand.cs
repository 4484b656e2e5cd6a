using System.CommandLine;
using System.Text.Json;
using DistillGrpc.Cli.Teaching;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Jobs;

/// <summary><c>distill rows</c>: the rows of a job, in the form of <c>distill teach</c>.</summary>
internal static class RowsCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "The job, extractions/{id} or its id." };
        var follow = new Option<bool>("--follow") { Description = "Waits for further rows until the job has ended." };
        var all = new Option<bool>("--all") { Description = "Also the rows that are not fit to train on." };
        var after = new Option<long>("--after") { Description = "Rows after this number, which the summary gives." };
        var output = new Option<FileInfo?>("--out") { Description = "Where the rows go as JSONL; default standard output." };
        var json = new Option<bool>("--json") { Description = "The summary is one JSON object: on standard output with --out, else on standard error." };
        var teacher = Addresses.Teacher();
        var command = new Command("rows", "Writes the rows of a job, as they are or as they come.") { name, follow, all, after, output, json, teacher };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                using var channel = Addresses.Connect("--teacher", parsed.GetValue(teacher)!);
                var to = new TeachOutput(parsed.GetValue(output), AcceptedOnly: !parsed.GetValue(all), parsed.GetValue(json));
                var rows = new JobRows(new ExtractionClient(channel), Job.Name(parsed.GetValue(name)!), parsed.GetValue(after), to.AcceptedOnly ? RowFilter.Accepted : RowFilter.All, parsed.GetValue(follow));
                await using var file = new RowFile(to.File);
                var tally = await rows.WriteAsync(file, to, cancellationToken);
                var summary = to.Json && to.File is not null ? Console.Out : Console.Error;
                await summary.WriteLineAsync(to.Json
                    ? JsonSerializer.Serialize(new { name = rows.Extraction.Name, state = Job.StateName(rows.Extraction), rows = tally.Rows, accepted = tally.Accepted, after = rows.Reached })
                    : $"{tally.Text()}\n{Job.Line(rows.Extraction)}{(Job.HasEnded(rows.Extraction) ? "" : $"; go on with --after {rows.Reached}")}");
                if (parsed.GetValue(follow))
                {
                    Job.ThrowIfHeld(rows.Extraction);
                }
            },
            cancellationToken));
        return command;
    }
}
