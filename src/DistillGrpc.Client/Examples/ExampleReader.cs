using System.Runtime.CompilerServices;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Examples;

/// <summary>
/// Reads rows one at a time. A row has <c>input</c>, or <c>segments</c> (a list, in JSONL), or <c>segment1</c>, <c>segment2</c>, ..., or
/// <c>premise</c> and <c>hypothesis</c>; and, where they are known, <c>id</c>, <c>label</c>, <c>answer</c>, <c>group</c>, and a teacher's
/// <c>llm_label</c> (or <c>teacher_label</c>) and <c>rationale</c>. What else it has is left alone. A row without an id gets its line's
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
    public static async IAsyncEnumerable<Example> ReadAsync(
        Stream stream, string name, ExampleFormat format, ExampleColumns columns, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(columns);
        var ids = new SeenIds();
        var rows = format switch
        {
            ExampleFormat.Csv => CsvRows.ReadAsync(stream, name, columns, cancellationToken),
            ExampleFormat.Text => TextRows.ReadAsync(stream, name, cancellationToken),
            _ => JsonRows.ReadAsync(stream, name, columns, cancellationToken),
        };
        await foreach (var (line, row) in rows)
        {
            yield return ids.Add(row.Id, line) ? row : throw Refused(name, line, $"'id' is '{row.Id}', and came before");
        }
    }

    internal static InvalidDataException Refused(string name, long line, string reason, Exception? cause = null) => new($"{name}, line {line}: {reason}.", cause);
}
