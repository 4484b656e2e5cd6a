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

    /// <summary>Longest id, in characters.</summary>
    public const int MaxIdLength = 200;

    /// <summary>Reads the rows in order. A row without an id gets its line's number, one with a premise is grouped by it.</summary>
    /// <exception cref="InvalidDataException">A line is not such a row; the message says which line and why.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async IAsyncEnumerable<Example> ReadAsync(string path, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await using var file = File.OpenRead(path);
        var (name, number, ids) = (Path.GetFileName(path), 0, new HashSet<string>(StringComparer.Ordinal));
        await foreach (var line in Lines.ReadAsync(file, name, MaxLineBytes, cancellationToken))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return Read(line, number, name, ids);
            }
        }
    }

    private static Example Read(string line, int number, string file, HashSet<string> ids)
    {
        try
        {
            using var row = JsonDocument.Parse(line);
            var example = row.RootElement.ValueKind == JsonValueKind.Object ? Read(row.RootElement, number) : throw new InvalidDataException("it is not a JSON object");
            return example.Id.Length > MaxIdLength ? throw new InvalidDataException($"'id' has more than {MaxIdLength} characters")
                : !ids.Add(example.Id) ? throw new InvalidDataException($"'id' is '{example.Id}', and came before")
                : example;
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
            return segments.EnumerateArray().Select(segment => TextOf(segment, "segments")).ToArray();
        }

        return row.TryGetProperty("input", out _) ? [Text(row, "input")]
            : row.TryGetProperty("premise", out _) ? [Text(row, "premise"), Text(row, "hypothesis")]
            : [];
    }

    private static string Text(JsonElement row, string name) => row.TryGetProperty(name, out var value) ? TextOf(value, name) : "";

    private static string TextOf(JsonElement value, string name) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.Null => "",
        _ => throw new InvalidDataException($"'{name}' is neither a text nor a number"),
    };
}
