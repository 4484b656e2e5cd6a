using System.Runtime.CompilerServices;
using System.Text.Json;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Examples;

/// <summary>
/// Rows in a JSONL file. A row has <c>input</c>, or <c>segments</c> (a list), or <c>premise</c> and <c>hypothesis</c>; and,
/// where they are known, <c>id</c>, <c>label</c>, <c>answer</c>, <c>group</c>, and a teacher's <c>llm_label</c> (or
/// <c>teacher_label</c>) and <c>rationale</c>. Other fields are left alone.
/// </summary>
public static class ExampleFile
{
    /// <summary>Longest line that is read, in bytes: 1 MiB.</summary>
    public const int MaxLineBytes = 1 << 20;

    /// <summary>Reads the rows in order. A row without an id gets its line's number, one with a premise is grouped by it.</summary>
    /// <exception cref="InvalidDataException">A line is not such a row; the message says which line and why.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async IAsyncEnumerable<Example> ReadAsync(string path, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await using var file = File.OpenRead(path);
        var (name, number) = (Path.GetFileName(path), 0);
        await foreach (var line in Lines.ReadAsync(file, name, MaxLineBytes, cancellationToken))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return Read(line, number, name);
            }
        }
    }

    private static Example Read(string line, int number, string file)
    {
        try
        {
            using var row = JsonDocument.Parse(line);
            return row.RootElement.ValueKind == JsonValueKind.Object
                ? Read(row.RootElement, number)
                : throw new InvalidDataException("it is not a JSON object");
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or InvalidDataException)
        {
            // InvalidOperationException: half of a surrogate pair, written as an escape.
            throw new InvalidDataException($"{file}, line {number}: {(failure is InvalidDataException ? failure.Message : "it is not JSON")}.", failure);
        }
    }

    private static Example Read(JsonElement row, int number)
    {
        var example = new Example
        {
            Id = Text(row, "id") is { Length: > 0 } id ? id : $"{number}",
            Label = Text(row, "label"),
            Answer = Text(row, "answer"),
            TeacherLabel = Text(row, "llm_label") is { Length: > 0 } label ? label : Text(row, "teacher_label"),
            Rationale = Text(row, "rationale"),
            Group = Text(row, "group") is { Length: > 0 } group ? group : Text(row, "premise"),
        };
        example.Segments.AddRange(Segments(row));
        return example.Segments.Count > 0 && example.Segments.All(segment => !string.IsNullOrWhiteSpace(segment))
            ? example
            : throw new InvalidDataException("it has no input: 'input', 'segments', or 'premise' and 'hypothesis'");
    }

    private static IEnumerable<string> Segments(JsonElement row)
    {
        if (row.TryGetProperty("segments", out var segments) && segments.ValueKind == JsonValueKind.Array)
        {
            return segments.EnumerateArray().Select(segment => segment.ValueKind == JsonValueKind.String ? segment.GetString()! : "").ToArray();
        }

        return row.TryGetProperty("input", out _) ? [Text(row, "input")]
            : row.TryGetProperty("premise", out _) ? [Text(row, "premise"), Text(row, "hypothesis")]
            : [];
    }

    private static string Text(JsonElement row, string name) => !row.TryGetProperty(name, out var value) ? "" : value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number => value.GetRawText(),
        _ => "",
    };
}
