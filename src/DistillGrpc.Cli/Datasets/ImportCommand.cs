using System.CommandLine;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Datasets;

/// <summary><c>distill datasets import</c>: a job's rows become a dataset.</summary>
internal static class ImportCommand
{
    public static Command Create(Option<string> student)
    {
        var extraction = new Argument<string>("extraction") { Description = "The job of the Student's Teacher, extractions/{id} or its id." };
        var name = new Option<string>("--name") { Description = "What people call the dataset; default the job's id.", DefaultValueFactory = _ => "" };
        var json = DatasetsCommand.Json();
        return DatasetsCommand.Run(
            new Command("import", "Keeps the accepted rows of a Teacher's job as a dataset, with what the teacher gave; waits until the job has ended.") { extraction, name, json },
            student,
            async (client, parsed, cancellationToken) =>
            {
                var (line, given) = (new ProgressLine(), Jobs.Job.Name(parsed.GetValue(extraction)!));
                await foreach (var told in client.ImportExtractionAsync(given, parsed.GetValue(name)!, cancellationToken))
                {
                    if (told.Progress is { } progress)
                    {
                        await ShowAsync(line, progress);
                    }
                    else
                    {
                        line.Clear();
                        await RejectedRows.WriteAsync(given, told.Result);
                        Console.WriteLine(parsed.GetValue(json) ? ProtoJson.Text(told.Result) : DatasetText.Line(told.Result.Dataset) + (told.Result.Existed ? " (was there already)" : ""));
                    }
                }
            });
    }

    private static async Task ShowAsync(ProgressLine line, ImportProgress progress)
    {
        if (progress.Message.Length > 0)
        {
            line.Clear();
            await Console.Error.WriteLineAsync(progress.Message);
        }
        else
        {
            line.Show($"{progress.Rows} rows of {progress.Inputs} inputs");
        }
    }
}
