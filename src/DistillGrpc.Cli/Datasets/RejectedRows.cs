using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Datasets;

/// <summary>What is said of rows that were left out, on standard error.</summary>
internal static class RejectedRows
{
    private const int MaxShown = 20;

    public static async Task WriteAsync(string file, UploadDatasetResponse response)
    {
        foreach (var row in response.Rejected.Take(MaxShown))
        {
            await Console.Error.WriteLineAsync($"{file}: row {row.Position}{(row.Id.Length > 0 ? $" (id {row.Id})" : "")}: {(row.Error.Field.Length > 0 ? $"{row.Error.Field} " : "")}{row.Error.Message}");
        }

        if (response.RejectedCount > MaxShown)
        {
            await Console.Error.WriteLineAsync($"{file}: {response.RejectedCount - MaxShown} more rows cannot be used.");
        }

        if (response.Duplicates > 0)
        {
            await Console.Error.WriteLineAsync($"{file}: {response.Duplicates} rows are duplicates and left out.");
        }
    }
}
