using System.CommandLine;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Datasets;

/// <summary><c>distill datasets download</c>: a dataset becomes a file, there whole or not at all.</summary>
internal static class DownloadCommand
{
    private const string Parquet = "parquet";

    public static Command Create(Option<string> student)
    {
        var name = DatasetsCommand.Name();
        var output = new Option<FileInfo?>("--out") { Description = "Where the rows go; default standard output." };
        var format = new Option<string?>("--format") { Description = "jsonl or parquet; default what the file's name says." };
        format.AcceptOnlyFromAmong("jsonl", Parquet);
        var offset = new Option<long>("--offset") { Description = "Rows that are passed over." };
        var most = new Option<long>("--max-rows") { Description = "Most rows; 0 for all." };
        var command = new Command("download", "Writes the rows of a dataset in their order, in a form that is read again as it was.") { name, output, format, offset, most };
        command.Aliases.Add("rows");
        return DatasetsCommand.Run(command, student, async (client, parsed, cancellationToken) =>
        {
            var (file, given) = (parsed.GetValue(output), parsed.GetValue(format));
            var isParquet = given == Parquet || (given is null && file?.Extension.Equals(".parquet", StringComparison.OrdinalIgnoreCase) == true);
            var dataset = await DatasetText.ResolveAsync(client, parsed.GetValue(name)!, cancellationToken);
            var rows = client.ReadAsync(dataset, parsed.GetValue(offset), parsed.GetValue(most), cancellationToken);
            await (isParquet
                ? WriteParquetAsync(rows, file ?? throw new InvalidDataException("--format parquet needs --out."), cancellationToken)
                : WriteJsonAsync(rows, file, cancellationToken));
        });
    }

    private static async Task WriteJsonAsync(IAsyncEnumerable<Example> rows, FileInfo? output, CancellationToken cancellationToken)
    {
        await using var file = new RowFile(output);
        await foreach (var row in rows)
        {
            await file.WriteAsync(ExampleJson.Write(row), cancellationToken);
        }

        await file.CompleteAsync(cancellationToken);
    }

    private static async Task WriteParquetAsync(IAsyncEnumerable<Example> rows, FileInfo output, CancellationToken cancellationToken)
    {
        await using var file = new ParquetRowFile(output);
        await foreach (var row in rows)
        {
            await file.WriteAsync(row, cancellationToken);
        }

        await file.CompleteAsync(cancellationToken);
    }
}
