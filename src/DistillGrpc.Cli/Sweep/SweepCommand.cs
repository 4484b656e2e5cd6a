using System.CommandLine;
using DistillGrpc.Cli.Sweep.Plans;
using DistillGrpc.Cli.Sweep.Reports;
using DistillGrpc.Cli.Sweep.Runs;
using Grpc.Core;
using Grpc.Net.Client;

namespace DistillGrpc.Cli.Sweep;

/// <summary><c>distill sweep</c>: compares ways to learn on a user's own rows, as jobs of a running Student, and writes a report.</summary>
internal static class SweepCommand
{
    private const int MostAhead = 64;

    public static Command Create()
    {
        var given = new Argument<string>("plan") { Description = "A YAML file (.yaml, .yml), or the sweep's name: 1 to 24 of a-z, 0-9 and '-'." };
        var plan = new PlanOptions();
        var output = new Option<DirectoryInfo?>("--out") { Description = "The report's folder; default sweep-NAME. What is there already is not made again." };
        var ahead = new Option<int>("--ahead") { Description = "Jobs that the Student has at once, waiting ones included.", DefaultValueFactory = _ => 4 };
        var keepModels = new Option<bool>("--keep-models") { Description = "Models stay with the Student, loaded; default: each is removed when its answers are there." };
        var keepBest = new Option<bool>("--keep-best") { Description = "The model that answers the most held-out rows rightly stays, under the alias sweep." };
        var json = new Option<bool>("--json") { Description = "Prints the means of all cells as one JSON object." };
        var student = Addresses.Student();
        var command = new Command("sweep", "Compares ways to learn on your rows, over sizes, seeds and students, and writes a report.") { given, output, ahead, keepModels, keepBest, json, student };
        plan.AddTo(command).Subcommands.Add(SweepReportCommand.Create());
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                var asked = plan.Of(parsed, parsed.GetValue(given)!);
                var folder = new ResultFolder(parsed.GetValue(output) ?? new DirectoryInfo($"sweep-{asked.Name}"));
                Refuse(parsed.GetValue(ahead) is < 1 or > MostAhead, $"--ahead must be 1 to {MostAhead}.");
                Refuse(folder.HasRecord && folder.ReadRecord().Plan.Name != asked.Name, $"--out: '{folder.Shown}' holds another sweep.");
                using var channel = Addresses.Connect("--student", parsed.GetValue(student)!);
                await RunAsync(asked, folder, new SweepRunOptions(parsed.GetValue(ahead), parsed.GetValue(keepModels), parsed.GetValue(keepBest), parsed.GetValue(json)), channel, cancellationToken);
            },
            cancellationToken));
        return command;
    }

    /// <summary>Writes the report, and says where it is.</summary>
    public static void Report(ResultFolder folder, bool isJson)
    {
        var report = SweepReport.Of(folder);
        report.Write(folder);
        Console.WriteLine(isJson
            ? ResultFolder.Text(new { sweep = report.Sweep.Plan.Name, report = Path.Combine(folder.Path, "report.html"), runs = report.Runs.Count, failed = report.Runs.Count(run => !run.HasSucceeded), missing = report.Missing, cells = report.Cells, differences = report.Differences, beaten = report.Beaten })
            : $"{SweepTable.Text(report)}\n{Path.Combine(folder.Shown, "report.html")}, report.csv, report.json");
    }

    private static async Task RunAsync(SweepPlan plan, ResultFolder folder, SweepRunOptions options, GrpcChannel student, CancellationToken cancellationToken)
    {
        var run = new SweepRun(plan, folder, options, student, TimeProvider.System);
        IReadOnlyList<RunResult> failed;
        try
        {
            failed = await run.RunAsync(cancellationToken);
        }
        catch (Exception failure) when (cancellationToken.IsCancellationRequested || (failure is RpcException away && Outage.IsAway(away)))
        {
            await Console.Error.WriteLineAsync("Jobs that the Student has go on by themselves; the same command again goes on with the sweep.");
            throw;
        }

        Report(folder, options.IsQuiet);
        if (run.KeptModel is { } kept && !options.IsQuiet)
        {
            Console.WriteLine($"{kept}@{PlannedRun.Alias} is kept.");
        }

        Refuse(failed.Count > 0, $"{failed.Count} runs did not succeed; the report says why.");
    }

    private static void Refuse(bool condition, string message)
    {
        if (condition)
        {
            throw new InvalidDataException(message);
        }
    }
}
