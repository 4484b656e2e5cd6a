using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Examples;

/// <summary>What the fields of a row mean, however the row is written.</summary>
/// <param name="field">A field's text by its name; empty where it is empty, null where the row has no such field.</param>
/// <param name="columns">Names that differ from the usual ones.</param>
public readonly struct ExampleFields(Func<string, string?> field, ExampleColumns columns)
{
    /// <summary>Whether a field of this name, in capital or small letters, is read.</summary>
    /// <param name="name">The name.</param>
    /// <param name="columns">Names that differ from the usual ones.</param>
    public static bool IsRead(string name, ExampleColumns columns)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(columns);
        return name.ToUpperInvariant() is "INPUT" or "PREMISE" or "HYPOTHESIS" or "ID" or "LABEL" or "ANSWER" or "GROUP" or "LLM_LABEL" or "TEACHER_LABEL" or "RATIONALE"
            || TeachingFields.IsOne(name) || name.StartsWith("segment", StringComparison.OrdinalIgnoreCase)
            || columns.Inputs.Append(columns.Label).Append(columns.Id).Contains(name, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>The row as an example; the names are those of <see cref="ExampleReader"/>.</summary>
    /// <param name="number">The row's line, its id where it has none.</param>
    /// <param name="segments">The input where it is a list; null where it is in the fields.</param>
    /// <exception cref="InvalidDataException">It lacks something; the message says what.</exception>
    public Example Read(int number, IEnumerable<string>? segments = null)
    {
        var example = new Example
        {
            Id = Named(columns.Id, "id") is { Length: > 0 } id ? id : $"{number}",
            Label = Named(columns.Label, "label"),
            Answer = Text("answer"),
            TeacherLabel = Text("llm_label") is { Length: > 0 } label ? label : Text("teacher_label"),
            Rationale = Text("rationale"),
            Group = Text("group") is { Length: > 0 } group ? group : Text("premise"),
        };
        if (example.TeacherLabel.Length + example.Rationale.Length > 0)
        {
            example.Teaching = TeachingFields.Read(field, example.TeacherLabel, example.Rationale);
        }

        example.Segments.AddRange(columns.Inputs.Count > 0 ? Inputs() : segments ?? Segments());
        return example.Segments.Count == 0 || example.Segments.Any(string.IsNullOrWhiteSpace)
            ? throw new InvalidDataException(columns.Inputs.Count > 0
                ? $"{string.Join(" or ", columns.Inputs.Select(name => $"'{name}'"))} is empty"
                : "it has no input: 'input', 'segments', 'segment1' and so on, or 'premise' and 'hypothesis'")
            : example.Id.Length > ExampleFile.MaxIdLength ? throw new InvalidDataException($"'id' has more than {ExampleFile.MaxIdLength} characters")
            : example;
    }

    private List<string> Inputs()
    {
        var inputs = new List<string>();
        foreach (var name in columns.Inputs)
        {
            inputs.Add(Named(name, name));
        }

        return inputs;
    }

    private List<string> Segments()
    {
        if (field("input") is { } input)
        {
            return [input];
        }

        var segments = new List<string>();
        while (field($"segment{segments.Count + 1}") is { } segment)
        {
            segments.Add(segment);
        }

        // A table has as many columns as its longest input.
        segments = segments[..(segments.FindLastIndex(segment => segment.Length > 0) + 1)];
        return segments.Count > 0 ? segments : field("premise") is { } premise ? [premise, Text("hypothesis")] : [];
    }

    private string Text(string name) => field(name) ?? "";

    private string Named(string chosen, string usual) =>
        chosen.Length == 0 ? Text(usual) : field(chosen) ?? throw new InvalidDataException($"it has no '{chosen}'");
}
