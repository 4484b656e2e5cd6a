using System.Runtime.CompilerServices;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Examples;

/// <summary>Rows in a file, as its name says that they are written (<see cref="ExampleReader.FormatOf"/>): JSONL, CSV or text.</summary>
public static class ExampleFile
{
    /// <summary>Longest line, or longest row of a table, that is read, in bytes: 1 MiB.</summary>
    public const int MaxLineBytes = 1 << 20;

    /// <summary>Longest id, in characters.</summary>
    public const int MaxIdLength = 200;

    /// <summary>Reads the rows in order, with the usual names of fields; see <see cref="ExampleReader"/>.</summary>
    /// <exception cref="InvalidDataException">A row cannot be used; the message says which line and why.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async IAsyncEnumerable<Example> ReadAsync(string path, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await using var file = File.OpenRead(path);
        await foreach (var row in ExampleReader.ReadAsync(file, Path.GetFileName(path), ExampleReader.FormatOf(path), ExampleColumns.Usual, cancellationToken))
        {
            yield return row;
        }
    }
}
