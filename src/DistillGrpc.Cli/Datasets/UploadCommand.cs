using System.CommandLine;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Cli.Datasets;

/// <summary><c>distill datasets upload</c>: a file becomes a dataset; rows that cannot be used are shown.</summary>
internal static class UploadCommand
{
    private const int ProgressRows = 1000;

    public static Command Create(Option<string> student)
    {
        var file = new Argument<string>("file") { Description = "A file (.jsonl, .csv, .txt, .parquet; see --format), or - for standard input." };
        var data = new DataOptions("");
        var name = new Option<string>("--name") { Description = "What people call the dataset; default the file's name without its extension." };
        var duplicates = new Option<string>("--duplicates") { Description = "Rows that are left out: none, row (all but the id is an earlier row's) or input (the words are an earlier input's).", DefaultValueFactory = _ => "none" };
        duplicates.AcceptOnlyFromAmong("none", "row", "input");
        var rejected = new Option<long?>("--max-rejected") { Description = "With more rows than this that cannot be used, nothing is kept. Without it all others are kept, and the exit code is 1 where there was one." };
        var hash = new Option<string>("--hash") { Description = "The hash that the dataset must have.", DefaultValueFactory = _ => "" };
        var check = new Option<bool>("--check") { Description = "Only checks the rows; nothing is kept." };
        var json = DatasetsCommand.Json();
        var command = new Command("upload", "Keeps the rows of a file as a dataset; the same rows again are the same dataset.") { file, name, duplicates, rejected, hash, check, json };
        data.AddFormTo(command);
        return DatasetsCommand.Run(command, student, (client, parsed, cancellationToken) =>
        {
            var source = data.Of(parsed, parsed.GetValue(file)!);
            var spec = new UploadSpec
            {
                DisplayName = parsed.GetValue(name) ?? (source.Path is null ? "" : Path.GetFileNameWithoutExtension(source.Path)),
                Duplicates = parsed.GetValue(duplicates) switch { "row" => DuplicateRows.SameRow, "input" => DuplicateRows.SameInput, _ => DuplicateRows.Unspecified },
                ContentHash = parsed.GetValue(hash),
                ValidateOnly = parsed.GetValue(check),
            };
            if (parsed.GetValue(rejected) is { } most)
            {
                spec.MaxRejectedRows = most;
            }

            return RunAsync(client, spec, source, parsed.GetValue(json), cancellationToken);
        });
    }

    private static async Task RunAsync(DatasetClient client, UploadSpec spec, DataSource source, bool json, CancellationToken cancellationToken)
    {
        var (line, rows) = (new ProgressLine(), 0L);
        UploadDatasetResponse response;
        try
        {
            response = await client.UploadAsync(spec, source.ReadRowsAsync(cancellationToken).Select(Shown), cancellationToken);
        }
        catch (RpcException refused)
        {
            line.Clear();
            foreach (var violation in RpcErrors.Reason(refused) is "TOO_MANY_REJECTED_ROWS" or "NO_ROWS" ? RpcErrors.Violations(refused) : [])
            {
                await Console.Error.WriteLineAsync($"{source.Name}: {violation}");
            }

            throw;
        }

        line.Clear();
        await RejectedRows.WriteAsync(source.Name, response);
        Console.WriteLine(json ? ProtoJson.Text(response) : DatasetText.Line(response.Dataset) + (response.Existed ? " (was there already)" : ""));
        if (response.RejectedCount > 0 && !spec.HasMaxRejectedRows)
        {
            throw new InvalidDataException($"{response.RejectedCount} rows cannot be used and are left out; --max-rejected {response.RejectedCount} permits it.");
        }

        FileRow Shown(FileRow row)
        {
            if (++rows % ProgressRows == 0)
            {
                line.Show($"{rows} rows");
            }

            return row;
        }
    }
}
