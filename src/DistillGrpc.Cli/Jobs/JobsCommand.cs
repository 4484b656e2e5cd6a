using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using DistillGrpc.Cli.Teaching;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Jobs;

/// <summary><c>distill jobs</c>: looks at a Teacher's extractions, and steers them.</summary>
internal static class JobsCommand
{
    public static Command Create()
    {
        var budget = Money.Option("--budget", "The new budget of the whole job, in the currency of the teacher's prices; 0 for no limit but the operator's.");
        var examples = new Option<int>("--examples") { Description = "Rows that are shown for each reason, 0 to 20.", DefaultValueFactory = _ => 1 };
        // Also before the verb.
        var teacher = Addresses.Teacher();
        teacher.Recursive = true;
        return new Command("jobs", "Looks at a Teacher's extractions, and steers them.")
        {
            teacher,
            List(teacher),
            OfOne(teacher, "get", "Shows a job.", [], (client, name, _, cancellationToken) => client.GetAsync(name, cancellationToken)),
            OfOne(teacher, "pause", "Stops a job after the calls under way.", [], (client, name, _, cancellationToken) => client.PauseAsync(name, cancellationToken)),
            OfOne(
                teacher, "resume", "Has a job go on.", [budget],
                (client, name, parsed, cancellationToken) => client.ResumeAsync(name, parsed.GetValue(budget) is { } amount ? Money.Nanos("--budget", amount) : null, cancellationToken)),
            OfOne(teacher, "cancel", "Ends a job for good; its rows stay.", [], (client, name, _, cancellationToken) => client.CancelAsync(name, cancellationToken)),
            Of(
                teacher, "delete", "Removes a job that has ended, or is paused, with its rows. Answers that were paid for stay kept.", [],
                async (client, name, parsed, json, cancellationToken) =>
                {
                    await client.DeleteAsync(name, cancellationToken);
                    Console.WriteLine(json ? JsonSerializer.Serialize(new { deleted = name }) : $"{name} is deleted.");
                }),
            Of(
                teacher, "report", "Says how many rows of a job were accepted and rejected, and why.", [examples],
                async (client, name, parsed, json, cancellationToken) =>
                {
                    var report = await client.ReportAsync(name, parsed.GetValue(examples), cancellationToken);
                    Console.WriteLine(json ? ProtoJson.Text(report) : Text(report));
                }),
        };
    }

    private static Command List(Option<string> teacher)
    {
        var json = Json();
        var command = new Command("list", "Lists the jobs, the newest first.") { json };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                using var channel = Addresses.Connect("--teacher", parsed.GetValue(teacher)!);
                var isJson = parsed.GetValue(json);
                await foreach (var extraction in new ExtractionClient(channel).ListAsync(cancellationToken))
                {
                    Console.WriteLine(isJson ? ProtoJson.Text(extraction) : Job.Line(extraction));
                }
            },
            cancellationToken));
        return command;
    }

    private static Command OfOne(Option<string> teacher, string verb, string description, Option[] options, Func<ExtractionClient, string, ParseResult, CancellationToken, Task<Extraction>> run) => Of(
        teacher, verb, description, options,
        async (client, name, parsed, json, cancellationToken) =>
        {
            var extraction = await run(client, name, parsed, cancellationToken);
            Console.WriteLine(json ? ProtoJson.Text(extraction) : Job.Line(extraction));
        });

    private static Command Of(Option<string> teacher, string verb, string description, Option[] options, Func<ExtractionClient, string, ParseResult, bool, CancellationToken, Task> run)
    {
        var name = new Argument<string>("name") { Description = "The job, extractions/{id} or its id." };
        var json = Json();
        var command = new Command(verb, description) { name, json };
        Array.ForEach(options, command.Options.Add);
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                using var channel = Addresses.Connect("--teacher", parsed.GetValue(teacher)!);
                await run(new ExtractionClient(channel), Job.Name(parsed.GetValue(name)!), parsed, parsed.GetValue(json), cancellationToken);
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
