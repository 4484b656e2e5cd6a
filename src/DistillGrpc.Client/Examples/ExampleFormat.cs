namespace DistillGrpc.Client.Examples;

/// <summary>How rows are written.</summary>
public enum ExampleFormat
{
    /// <summary>A JSON object on each line.</summary>
    Jsonl,

    /// <summary>RFC 4180: commas, a header line, quotes around what holds a comma, a quote or a line's end.</summary>
    Csv,

    /// <summary>An input on each line, and nothing else.</summary>
    Text,
}
