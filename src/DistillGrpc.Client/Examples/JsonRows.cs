using System.Runtime.CompilerServices;
using System.Text.Json;

namespace DistillGrpc.Client.Examples;

/// <summary>Rows that are a JSON object on a line.</summary>
internal static class JsonRows
{
    public static async IAsyncEnumerable<FileRow> ReadAsync(Stream stream, ExampleColumns columns, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var (number, line, refusal) in Lines.ReadAsync(stream, ExampleFile.MaxLineBytes, cancellationToken))
        {
            if (line is null)
            {
                yield return new FileRow(number, null, refusal);
            }
            else if (!string.IsNullOrWhiteSpace(line))
            {
                yield return Read(line, number, columns);
            }
        }
    }

    /// <summary>An object as a row.</summary>
    public static FileRow Read(JsonElement row, int number, ExampleColumns columns)
    {
        try
        {
            return row.ValueKind == JsonValueKind.Object
                ? new FileRow(number, new ExampleFields(name => row.TryGetProperty(name, out var value) ? TextOf(value, name) : null, columns).Read(number, SegmentsOf(row)))
                : new FileRow(number, null, "it is not a JSON object");
        }
        catch (InvalidDataException refused)
        {
            return new FileRow(number, null, refused.Message);
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair, written as an escape.
            return new FileRow(number, null, "it is not JSON");
        }
    }

    private static FileRow Read(string line, int number, ExampleColumns columns)
    {
        try
        {
            using var row = JsonDocument.Parse(line);
            return Read(row.RootElement, number, columns);
        }
        catch (JsonException)
        {
            return new FileRow(number, null, "it is not JSON");
        }
    }

    private static string[]? SegmentsOf(JsonElement row) => row.TryGetProperty("segments", out var list) && list.ValueKind == JsonValueKind.Array
        ? [.. list.EnumerateArray().Select(segment => TextOf(segment, "segments"))]
        : null;

    private static string TextOf(JsonElement value, string name) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.Null => "",
        _ when TeachingFields.IsJson(name) => value.GetRawText(),
        JsonValueKind.True or JsonValueKind.False when TeachingFields.IsOne(name) => value.GetRawText(),
        _ => throw new InvalidDataException($"'{name}' is neither a text nor a number"),
    };
}
