using System.Runtime.CompilerServices;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Examples;

/// <summary>Rows that are an input on a line.</summary>
internal static class TextRows
{
    public static async IAsyncEnumerable<(int Line, Example Row)> ReadAsync(Stream stream, string name, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var number = 0;
        await foreach (var line in Lines.ReadAsync(stream, name, ExampleFile.MaxLineBytes, cancellationToken))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return (number, new Example { Id = $"{number}", Segments = { line } });
            }
        }
    }
}
