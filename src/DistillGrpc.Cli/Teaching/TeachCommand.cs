using System.CommandLine;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;

namespace DistillGrpc.Cli.Teaching;

/// <summary><c>distill teach</c>: rows in, the same rows with a teacher's rationale and label out.</summary>
internal static class TeachCommand
{
    public static Command Create()
    {
        var data = new DataOptions("Rows to explain.");
        var spec = new SpecOptions();
        var output = new Option<FileInfo?>("--out") { Description = "Where the rows go as JSONL, in the order they finish; default standard output." };
        var acceptedOnly = new Option<bool>("--accepted-only") { Description = "Writes only the rows that are fit to train on." };
        var json = new Option<bool>("--json") { Description = "The summary is one JSON object: on standard output with --out, else on standard error." };
        var teacher = Addresses.Teacher();
        var command = new Command("teach", "Has a running Teacher explain rows. Run again, it pays only for rows that it has no answer to.") { output, acceptedOnly, json, teacher };
        spec.AddTo(data.AddTo(command));
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                var to = new TeachOutput(parsed.GetValue(output), parsed.GetValue(acceptedOnly), parsed.GetValue(json));
                var run = new TeachRun(data.Of(parsed), spec.Of(parsed), to);
                using var channel = Addresses.Connect("--teacher", parsed.GetValue(teacher)!);
                await run.RunAsync(new TeacherClient(channel), cancellationToken);
            },
            cancellationToken));
        return command;
    }
}
