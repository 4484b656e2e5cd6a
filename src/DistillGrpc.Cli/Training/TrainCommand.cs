using System.CommandLine;
using DistillGrpc.Cli.Data;
using DistillGrpc.Cli.Jobs;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Net.Client;

namespace DistillGrpc.Cli.Training;

/// <summary><c>distill train</c>: has a running Student learn from rows, in one call, or as a job that goes on by itself.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var data = new DataOptions("Rows to learn from; those without a rationale go to the Student's Teacher.");
        var evalData = new Option<FileInfo?>("--eval-data") { Description = "Held-out rows." };
        var spec = new TrainingOptions();
        var job = new Option<string?>("--job") { Description = "Makes a job of it that the Student works on by itself, through restarts. The same command again goes on watching it." };
        var detach = new Option<bool>("--detach") { Description = "With --job: ends when the Student has the job." };
        var priority = new Option<int>("--priority") { Description = "With --job: the higher, the sooner it begins; -1000 to 1000." };
        var validate = new Option<bool>("--validate") { Description = "Trains nothing: says what would be learnt from the rows, how long they are, and what it would take." };
        var json = new Option<bool>("--json") { Description = "Prints every event as JSON, an object on a line." };
        var student = Addresses.Student();
        var command = new Command("train", "Has a running Student learn from rows.") { evalData, job, detach, priority, validate, json, student };
        spec.AddTo(data.AddTo(command));
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                var (asked, isJob) = (spec.Of(parsed), parsed.GetValue(job) is not null);
                var rows = TrainingOptions.HasSource(asked) && !data.IsGiven(parsed) ? null : data.Of(parsed);
                var heldOut = parsed.GetValue(evalData) is { } file ? data.Of(parsed, file) : null;
                if ((parsed.GetValue(detach) || parsed.GetValue(priority) != 0) && !isJob)
                {
                    throw new InvalidDataException($"{(parsed.GetValue(detach) ? "--detach" : "--priority")} needs --job.");
                }

                using var channel = Addresses.Connect("--student", parsed.GetValue(student)!);
                await TrainingOptions.ResolveAsync(asked, new DatasetClient(channel), cancellationToken);
                var output = new TrainingOutput(parsed.GetValue(json));
                await (parsed.GetValue(validate) ? ValidateAsync(channel, asked, rows, heldOut, parsed.GetValue(json), cancellationToken)
                    : isJob
                    ? new TrainingJobRun(parsed.GetValue(job)!, asked, parsed.GetValue(priority), parsed.GetValue(detach), output).RunAsync(channel, rows, heldOut, cancellationToken)
                    : RunAsync(new TrainingClient(channel), asked, rows, heldOut, output, cancellationToken));
            },
            cancellationToken));
        return command;
    }

    private static async Task ValidateAsync(GrpcChannel channel, TrainingSpec spec, DataSource? data, DataSource? evalData, bool isJson, CancellationToken cancellationToken)
    {
        await TrainingJobRun.UploadAsync(new DatasetClient(channel), spec, data, evalData, cancellationToken);
        var validation = await new TrainingClient(channel).ValidateAsync(spec, cancellationToken);
        Console.Write(isJson ? ProtoJson.Text(validation) + "\n" : ValidationText.Of(validation));
    }

    private static async Task RunAsync(TrainingClient client, TrainingSpec spec, DataSource? data, DataSource? evalData, TrainingOutput output, CancellationToken cancellationToken)
    {
        var rows = data?.ReadAsync(cancellationToken) ?? AsyncEnumerable.Empty<Example>();
        var heldOut = evalData?.ReadAsync(cancellationToken) ?? AsyncEnumerable.Empty<Example>();
        await foreach (var happened in client.TrainAsync(spec, rows, heldOut, cancellationToken))
        {
            await output.ShowAsync(happened);
        }
    }
}
