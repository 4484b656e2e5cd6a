using System.Runtime.CompilerServices;
using System.Text.Json;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Examples;

/// <summary>Rows that are a JSON object on a line.</summary>
internal static class JsonRows
{
    public static async IAsyncEnumerable<(int Line, Example Row)> ReadAsync(Stream stream, string name, ExampleColumns columns, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var number = 0;
        await foreach (var line in Lines.ReadAsync(stream, name, ExampleFile.MaxLineBytes, cancellationToken))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return (number, Read(line, number, name, columns));
            }
        }
    }

    private static Example Read(string line, int number, string name, ExampleColumns columns)
    {
        try
        {
            using var row = JsonDocument.Parse(line);
            return row.RootElement.ValueKind == JsonValueKind.Object ? Read(row.RootElement, number, columns) : throw new InvalidDataException("it is not a JSON object");
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or InvalidDataException)
        {
            // InvalidOperationException: half of a surrogate pair, written as an escape.
            throw ExampleReader.Refused(name, number, failure is InvalidDataException ? failure.Message : "it is not JSON", failure);
        }
    }

    private static Example Read(JsonElement row, int number, ExampleColumns columns)
    {
        var segments = row.TryGetProperty("segments", out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Select(segment => TextOf(segment, "segments")).ToArray()
            : null;
        return new ExampleFields(name => row.TryGetProperty(name, out var value) ? TextOf(value, name) : null, columns).Read(number, segments);
    }

    private static string TextOf(JsonElement value, string name) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.Null => "",
        _ => throw new InvalidDataException($"'{name}' is neither a text nor a number"),
    };
}
