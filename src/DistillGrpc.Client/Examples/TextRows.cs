using System.Runtime.CompilerServices;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Examples;

/// <summary>Rows that are an input on a line.</summary>
internal static class TextRows
{
    public static async IAsyncEnumerable<FileRow> ReadAsync(Stream stream, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var (number, line, refusal) in Lines.ReadAsync(stream, ExampleFile.MaxLineBytes, cancellationToken))
        {
            if (line is null)
            {
                yield return new FileRow(number, null, refusal);
            }
            else if (!string.IsNullOrWhiteSpace(line))
            {
                yield return new FileRow(number, new Example { Id = $"{number}", Segments = { line } });
            }
        }
    }
}
