using System.CommandLine;
using DistillGrpc.Cli.Data;
using DistillGrpc.Cli.Jobs;
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
        var job = new Option<string?>("--job") { Description = "Makes a job of it that the Teacher works on by itself, through restarts. The same command again goes on with it." };
        var detach = new Option<bool>("--detach") { Description = "With --job: ends when the Teacher has all inputs." };
        var estimate = new Option<bool>("--estimate") { Description = "Only says what it would cost, likely and at most, and how long it would take. Asks nothing." };
        var teacher = Addresses.Teacher();
        var command = new Command("teach", "Has a running Teacher explain rows. Run again, it pays only for rows that it has no answer to.") { output, acceptedOnly, json, job, detach, estimate, teacher };
        spec.AddTo(data.AddTo(command));
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                var to = new TeachOutput(parsed.GetValue(output), parsed.GetValue(acceptedOnly), parsed.GetValue(json));
                var (rows, how) = (data.Of(parsed), spec.Of(parsed));
                RequireSense(to, rows, parsed.GetValue(estimate), parsed.GetValue(detach), hasJob: parsed.GetValue(job) is not null);
                using var channel = Addresses.Connect("--teacher", parsed.GetValue(teacher)!);
                await (parsed.GetValue(estimate) ? Estimate.PrintAsync(new ExtractionClient(channel), rows, how, to.Json, cancellationToken)
                    : parsed.GetValue(job) is { } id ? new JobRun(id, rows, how, to, parsed.GetValue(detach)).RunAsync(new ExtractionClient(channel), cancellationToken)
                    : new TeachRun(rows, how, to).RunAsync(new TeacherClient(channel), cancellationToken));
            },
            cancellationToken));
        return command;
    }

    private static void RequireSense(TeachOutput to, DataSource rows, bool estimates, bool detaches, bool hasJob)
    {
        if (to.File is not null && rows.IsIn(to.File))
        {
            throw new InvalidDataException("--out: it is the file of --data, which would be lost.");
        }

        if (estimates && (detaches || hasJob))
        {
            throw new InvalidDataException("--estimate asks nothing, and goes neither with --job nor with --detach.");
        }

        if (detaches && !hasJob)
        {
            throw new InvalidDataException("--detach needs --job.");
        }
    }
}
