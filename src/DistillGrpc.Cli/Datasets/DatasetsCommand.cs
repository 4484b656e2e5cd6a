using System.CommandLine;
using System.Text.Json;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Datasets;

/// <summary><c>distill datasets</c>: the rows that a Student keeps.</summary>
internal static class DatasetsCommand
{
    public static Command Create()
    {
        // Also before the verb.
        var student = Addresses.Student();
        student.Recursive = true;
        return new Command("datasets", "Keeps rows in a Student, and reads, splits and compares them. NAME is datasets/{id}, the first 6 or more digits of the id, or --name of the upload.")
        {
            student,
            UploadCommand.Create(student),
            ImportCommand.Create(student),
            CollectCommand.Create(student),
            List(student),
            Get(student),
            DownloadCommand.Create(student),
            SplitCommand.Create(student),
            CompareCommand.Create(student),
            Delete(student),
        };
    }

    public static Option<bool> Json() => new("--json") { Description = "Prints the contract's messages as JSON, in camelCase and with defaults, an object on a line." };

    public static Argument<string> Name(string name = "name") => new(name) { Description = "The dataset." };

    /// <summary>Has a command do something with a Student's datasets.</summary>
    public static Command Run(Command command, Option<string> student, Func<DatasetClient, ParseResult, CancellationToken, Task> run)
    {
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                using var channel = Addresses.Connect("--student", parsed.GetValue(student)!);
                await run(new DatasetClient(channel), parsed, cancellationToken);
            },
            cancellationToken));
        return command;
    }

    private static Command List(Option<string> student)
    {
        var json = Json();
        return Run(new Command("list", "Lists the datasets, the newest first.") { json }, student, async (client, parsed, cancellationToken) =>
        {
            await foreach (var dataset in client.ListAsync(cancellationToken))
            {
                Print(dataset, parsed.GetValue(json));
            }
        });
    }

    private static Command Get(Option<string> student)
    {
        var (name, json) = (Name(), Json());
        return Run(new Command("get", "Shows a dataset.") { name, json }, student, async (client, parsed, cancellationToken) =>
            Print(await client.GetAsync(await DatasetText.ResolveAsync(client, parsed.GetValue(name)!, cancellationToken), cancellationToken), parsed.GetValue(json)));
    }

    private static Command Delete(Option<string> student)
    {
        var (name, json) = (Name(), Json());
        return Run(new Command("delete", "Removes a dataset. What was made from it stays.") { name, json }, student, async (client, parsed, cancellationToken) =>
        {
            var dataset = await DatasetText.ResolveAsync(client, parsed.GetValue(name)!, cancellationToken);
            await client.DeleteAsync(dataset, cancellationToken);
            Console.WriteLine(parsed.GetValue(json) ? JsonSerializer.Serialize(new { deleted = dataset }) : $"{dataset} is deleted.");
        });
    }

    private static void Print(Dataset dataset, bool json) => Console.WriteLine(json ? ProtoJson.Text(dataset) : DatasetText.Line(dataset));
}
