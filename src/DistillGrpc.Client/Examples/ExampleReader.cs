using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Examples;

/// <summary>
/// Reads rows one at a time. A row has <c>input</c>, or <c>segments</c> (a list, in JSONL), or <c>segment1</c>, <c>segment2</c>, ..., or
/// <c>premise</c> and <c>hypothesis</c>; and, where they are known, <c>id</c>, <c>label</c>, <c>answer</c>, <c>group</c>, and a teacher's
/// <c>llm_label</c> (or <c>teacher_label</c>) and <c>rationale</c>, with <c>teacher</c>, <c>model</c>, <c>prompt</c>, <c>prompt_hash</c>,
/// <c>finish_reason</c>, <c>create_time</c>, <c>kept</c>, <c>rationalized</c>, <c>permits_distillation</c>, <c>agreement</c>, and as JSON
/// <c>label_distribution</c> ({"label": probability}), <c>rationales</c> (["further one"]) and <c>log_probabilities</c> (for each position
/// [["token", log-probability], ...]), as <see cref="ExampleJson"/> and <c>distill teach</c> write them. What else it has is left alone. A row without an id gets its line's
/// number, one with a premise is grouped by it.
/// </summary>
public static class ExampleReader
{
    /// <summary>How a file of this name is written: <c>.csv</c> and <c>.txt</c> say it, any other is JSONL.</summary>
    public static ExampleFormat FormatOf(string path) => Path.GetExtension(path).ToUpperInvariant() switch
    {
        ".CSV" => ExampleFormat.Csv,
        ".TXT" => ExampleFormat.Text,
        _ => ExampleFormat.Jsonl,
    };

    /// <summary>Reads the rows in order; memory is one row, and a few bytes for each id.</summary>
    /// <param name="stream">UTF-8; stays the caller's.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="format">How the rows are written.</param>
    /// <param name="columns">Names that differ from the usual ones.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="InvalidDataException">A row cannot be used; the message says which line and why.</exception>
    /// <exception cref="IOException">The stream cannot be read.</exception>
    public static IAsyncEnumerable<Example> ReadAsync(Stream stream, string name, ExampleFormat format, ExampleColumns columns, CancellationToken cancellationToken = default) =>
        Strictly(ReadRowsAsync(stream, name, format, columns, cancellationToken), name);

    /// <summary>The same for callers who go on after a row that cannot be used, and say which it was.</summary>
    /// <param name="stream">UTF-8; stays the caller's.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="format">How the rows are written.</param>
    /// <param name="columns">Names that differ from the usual ones.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="InvalidDataException">There is no telling where rows begin and end; the message says which line and why.</exception>
    /// <exception cref="IOException">The stream cannot be read.</exception>
    public static IAsyncEnumerable<FileRow> ReadRowsAsync(Stream stream, string name, ExampleFormat format, ExampleColumns columns, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(columns);
        return Distinct(format switch
        {
            ExampleFormat.Csv => CsvRows.ReadAsync(stream, name, columns, cancellationToken),
            ExampleFormat.Text => TextRows.ReadAsync(stream, cancellationToken),
            _ => JsonRows.ReadAsync(stream, columns, cancellationToken),
        });
    }

    /// <summary>Rows of any file up to the first that cannot be used.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="name">What errors call the file.</param>
    /// <exception cref="InvalidDataException">A row cannot be used; the message says which line and why.</exception>
    public static async IAsyncEnumerable<Example> Strictly(IAsyncEnumerable<FileRow> rows, string name)
    {
        await foreach (var row in rows)
        {
            yield return row.Example ?? throw Refused(name, row.Line, row.Refusal);
        }
    }

    /// <summary>Rows of any file, of which none has an earlier one's id: it is refused.</summary>
    public static async IAsyncEnumerable<FileRow> Distinct(IAsyncEnumerable<FileRow> rows)
    {
        var ids = new SeenIds();
        await foreach (var row in rows)
        {
            yield return row.Example is { } example && !ids.Add(example.Id, (int)row.Line) ? new FileRow(row.Line, null, $"'id' is '{example.Id}', and came before") : row;
        }
    }

    internal static InvalidDataException Refused(string name, long line, string reason, Exception? cause = null) => new($"{name}, line {line}: {reason}.", cause);
}
