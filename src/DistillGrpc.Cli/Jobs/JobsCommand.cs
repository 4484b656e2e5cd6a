using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using DistillGrpc.Cli.Teaching;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;
using Grpc.Core;

namespace DistillGrpc.Cli.Jobs;

/// <summary><c>distill jobs</c>: looks at a Teacher's extractions and a Student's training jobs, and steers them.</summary>
internal static class JobsCommand
{
    public static Command Create()
    {
        var budget = Money.Option("--budget", "The new budget of an extraction, in the currency of the teacher's prices; 0 for no limit but the operator's.");
        var examples = new Option<int>("--examples") { Description = "Rows that are shown for each reason, 0 to 20.", DefaultValueFactory = _ => 1 };
        // Also before the verb.
        var (teacher, student) = (Addresses.Teacher(), Addresses.Student());
        (teacher.Recursive, student.Recursive) = (true, true);
        var services = new Services(teacher, student);
        return new Command("jobs", "Looks at a Teacher's extractions and a Student's training jobs, and steers them.")
        {
            teacher,
            student,
            List(services),
            OfOne(services, "get", "Shows a job.", [], (jobs, name, _, cancellationToken) => jobs.GetAsync(name, cancellationToken)),
            Of(services, "watch", "Follows a job until it has ended.", [], (jobs, name, _, json, cancellationToken) => jobs.WatchAsync(name, json, cancellationToken)),
            OfOne(services, "pause", "Stops a job after the calls or the step under way; it loses nothing.", [], (jobs, name, _, cancellationToken) => jobs.PauseAsync(name, cancellationToken)),
            OfOne(
                services, "resume", "Has a job go on.", [budget],
                (jobs, name, parsed, cancellationToken) => jobs.ResumeAsync(name, parsed.GetValue(budget) is { } amount ? Money.Nanos("--budget", amount) : null, cancellationToken)),
            OfOne(services, "cancel", "Ends a job for good; its rows stay.", [], (jobs, name, _, cancellationToken) => jobs.CancelAsync(name, cancellationToken)),
            Of(
                services, "delete", "Removes a job that has ended, or is paused, with its rows or checkpoints. Answers that were paid for stay kept, and so does the model that it made.", [],
                async (jobs, name, parsed, json, cancellationToken) =>
                {
                    await jobs.DeleteAsync(name, cancellationToken);
                    Console.WriteLine(json ? JsonSerializer.Serialize(new { deleted = name }) : $"{name} is deleted.");
                }),
            Report(services, examples, new Option<FileInfo?>("--html") { Description = "Of a training job: writes a page with pictures." }),
        };
    }

    private static Command List(Services services)
    {
        var json = Json();
        var command = new Command("list", "Lists the jobs of both services, the newest first.") { json };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                using var connected = services.Connect(parsed);
                var failures = new List<RpcException>();
                foreach (var jobs in connected.All)
                {
                    try
                    {
                        await foreach (var job in jobs.ListAsync(cancellationToken))
                        {
                            Console.WriteLine(parsed.GetValue(json) ? ProtoJson.Text(job) : jobs.Line(job));
                        }
                    }
                    catch (RpcException away) when (away.StatusCode == StatusCode.Unavailable || RpcErrors.IsSilence(away))
                    {
                        failures.Add(away);
                        await Console.Error.WriteLineAsync($"{(jobs is ExtractionJobs ? "--teacher" : "--student")}: {RpcErrors.Describe(away)}");
                    }
                }

                if (failures.Count == connected.All.Count)
                {
                    throw failures[0];
                }
            },
            cancellationToken));
        return command;
    }

    private static Command Report(Services services, Option<int> examples, Option<FileInfo?> html) => Of(
        services, "report", "Says how many rows of an extraction were accepted and rejected, and why; or how a training job's student answers the held-out rows.", [examples, html],
        async (jobs, name, parsed, json, cancellationToken) =>
        {
            var page = parsed.GetValue(html);
            if (jobs is TrainingJobs trainings)
            {
                await TrainingJobReport.WriteAsync(trainings.Client, name, page, json, cancellationToken);
                return;
            }

            var report = page is null
                ? await ((ExtractionJobs)jobs).Client.ReportAsync(name, parsed.GetValue(examples), cancellationToken)
                : throw new InvalidDataException($"--html: {name} is no training job.");
            Console.WriteLine(json ? ProtoJson.Text(report) : Text(report));
        });

    private static Command OfOne(Services services, string verb, string description, Option[] options, Func<IJobs, string, ParseResult, CancellationToken, Task<IMessage>> run) => Of(
        services, verb, description, options,
        async (jobs, name, parsed, json, cancellationToken) =>
        {
            var job = await run(jobs, name, parsed, cancellationToken);
            Console.WriteLine(json ? ProtoJson.Text(job) : jobs.Line(job));
        });

    private static Command Of(Services services, string verb, string description, Option[] options, Func<IJobs, string, ParseResult, bool, CancellationToken, Task> run)
    {
        var given = new Argument<string>("name") { Description = "The job: extractions/{id}, trainingJobs/{id}, or the id alone where only one service has it." };
        var json = Json();
        var command = new Command(verb, description) { given, json };
        Array.ForEach(options, command.Options.Add);
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                using var connected = services.Connect(parsed);
                var (jobs, name) = await JobNames.FindAsync(connected.All, parsed.GetValue(given)!, cancellationToken);
                await run(jobs, name, parsed, parsed.GetValue(json), cancellationToken);
            },
            cancellationToken));
        return command;
    }

    private static Option<bool> Json() => new("--json") { Description = "Prints the contract's messages as JSON, in camelCase and with defaults, an object on a line." };

    private static string Text(GetExtractionReportResponse report) => string.Join('\n',
    [
        Job.Line(report.Extraction),
        .. report.GoldRows > 0 ? [string.Create(CultureInfo.InvariantCulture, $"gold label: {report.GoldRight} of {report.GoldRows} ({100.0 * report.GoldRight / report.GoldRows:0.0}%)")] : Array.Empty<string>(),
        .. report.Rationalized > 0 ? [$"rationalised: {report.Rationalized}"] : Array.Empty<string>(),
        .. report.Rejections.SelectMany(rejection => rejection.Examples.Select(Text).Prepend($"rejected, {Reasons.Text(rejection.Reason)}: {rejection.Rows}")),
        .. report.AcceptedExamples.Select(Text).Prepend(report.AcceptedExamples.Count > 0 ? "accepted, for instance:" : ""),
    ]).TrimEnd();

    private static string Text(ExtractionRow row) => $"  {TaughtRow.Write(row.Example, row.Result)}";
}
