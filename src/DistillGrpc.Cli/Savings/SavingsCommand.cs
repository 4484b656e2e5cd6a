using System.CommandLine;
using DistillGrpc.Cli.Data;
using DistillGrpc.Cli.Jobs;
using DistillGrpc.Client;

namespace DistillGrpc.Cli.Savings;

/// <summary><c>distill savings</c>: what a teacher's rows cost, and what the same answers cost from the student that learnt from them.</summary>
internal static class SavingsCommand
{
    public static Command Create()
    {
        var data = new DataOptions("Rows as distill teach writes them, with their costs.");
        var job = new Option<string?>("--job") { Description = "A job, extractions/{id}, instead of --data." };
        var model = new Option<string>("--model") { Description = "The student, models/{id}; default the Student's.", DefaultValueFactory = _ => "" };
        var price = Money.Option("--machine-price", "What the Student's machine costs an hour, in the currency of the teacher's prices.", otherwise: 0.10m);
        var requests = new Option<int>("--requests") { Description = "Answers of each kind that are measured, one at a time and again several at once; at most as many as there are rows.", DefaultValueFactory = _ => 200 };
        var json = new Option<bool>("--json") { Description = "Prints one JSON object." };
        var (student, teacher) = (Addresses.Student(), Addresses.Teacher());
        var command = new Command("savings", "Says what a teacher's rows cost, and measures what the same answers cost from a running Student.") { job, model, price, requests, json, student, teacher };
        data.AddTo(command);
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                var (count, perHour) = (parsed.GetValue(requests), parsed.GetValue(price) ?? 0);
                if (count is < 1 or > 1_000_000 || perHour < 0)
                {
                    throw new InvalidDataException("--requests must be 1 to 1000000, and --machine-price not negative.");
                }

                using var channel = Addresses.Connect("--student", parsed.GetValue(student)!);
                using var jobs = Addresses.Connect("--teacher", parsed.GetValue(teacher)!);
                var taught = parsed.GetValue(job) is { } name
                    ? await TaughtCost.OfJobAsync(new ExtractionClient(jobs), Job.Name(name), count, cancellationToken)
                    : await TaughtCost.OfFileAsync(data.Of(parsed), count, cancellationToken);
                var report = await SavingsReport.MeasureAsync(new InferenceClient(channel), parsed.GetValue(model)!, taught, perHour, cancellationToken);
                Console.WriteLine(parsed.GetValue(json) ? report.Json() : report.Text());
            },
            cancellationToken));
        return command;
    }
}
