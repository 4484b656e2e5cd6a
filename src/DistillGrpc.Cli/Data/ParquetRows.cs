using System.Globalization;
using System.Runtime.CompilerServices;
using DistillGrpc.Client.Examples;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace DistillGrpc.Cli.Data;

/// <summary>
/// Rows of a Parquet file: columns of texts, numbers and truth values, and <c>segments</c> and <c>rationales</c> also as lists of texts, by
/// the names of <see cref="ExampleReader"/>. Memory is a row group. It is here and not in the client, whose users would carry the
/// library and its compressors along.
/// </summary>
internal static class ParquetRows
{
    private const string Segments = "segments";
    private static readonly string[] Lists = [Segments, "rationales"];

    /// <summary>Reads the rows in order; a row's line is its number.</summary>
    /// <exception cref="InvalidDataException">It is no Parquet file, or lacks a column.</exception>
    public static IAsyncEnumerable<FileRow> ReadAsync(string path, ExampleColumns columns, CancellationToken cancellationToken) =>
        ExampleReader.Distinct(ReadAllAsync(path, columns, cancellationToken));

    private static async IAsyncEnumerable<FileRow> ReadAllAsync(string path, ExampleColumns columns, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var stream = File.OpenRead(path);
        await using var file = await GuardAsync(path, async () => await ParquetReader.CreateAsync(stream, cancellationToken: cancellationToken));
        var fields = FieldsOf(file.Schema, path, columns);
        var number = 0;
        for (var group = 0; group < file.RowGroupCount; group++)
        {
            var (rows, table) = await GuardAsync(path, () => ReadGroupAsync(file, group, fields, cancellationToken));
            for (var row = 0; row < rows; row++)
            {
                yield return Read(table, row, ++number, columns);
            }
        }
    }

    private static FileRow Read(Dictionary<string, string[]?[]> table, int row, int number, ExampleColumns columns)
    {
        string? Field(string name) => !table.TryGetValue(name, out var column) ? null
            : Lists.Contains(name, StringComparer.OrdinalIgnoreCase) && column[row] is { } texts && !IsJson(texts) ? System.Text.Json.JsonSerializer.Serialize(texts)
            : string.Concat(column[row] ?? []);
        try
        {
            return new FileRow(number, new ExampleFields(Field, columns).Read(number, table.TryGetValue(Segments, out var segments) ? segments[row] ?? [] : null));
        }
        catch (InvalidDataException refused)
        {
            return new FileRow(number, null, refused.Message);
        }
    }

    // A list may also be written as the text of one.
    private static bool IsJson(string[] texts) => texts is [var only] && only.StartsWith('[');

    private static Dictionary<string, DataField> FieldsOf(ParquetSchema schema, string path, ExampleColumns columns)
    {
        var fields = new Dictionary<string, DataField>(StringComparer.OrdinalIgnoreCase);
        foreach (var field in schema.Fields.Where(field => ExampleFields.IsRead(field.Name, columns)))
        {
            var leaf = field as DataField ?? (field as ListField)?.Item as DataField;
            var isOurs = leaf is not null && (leaf.MaxRepetitionLevel == 0 || Lists.Contains(field.Name, StringComparer.OrdinalIgnoreCase));
            if (isOurs && !fields.TryAdd(field.Name, leaf!))
            {
                throw Refused(path, $"the column '{field.Name}' comes twice");
            }
        }

        var missing = columns.Inputs.Append(columns.Label).Append(columns.Id).FirstOrDefault(column => column.Length > 0 && !fields.ContainsKey(column));
        return missing is null ? fields : throw Refused(path, $"there is no column '{missing}'; there are {string.Join(", ", schema.Fields.Select(field => field.Name))}");
    }

    private static async Task<(int Rows, Dictionary<string, string[]?[]> Table)> ReadGroupAsync(ParquetReader file, int index, Dictionary<string, DataField> fields, CancellationToken cancellationToken)
    {
        using var group = file.OpenRowGroupReader(index);
        var table = new Dictionary<string, string[]?[]>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, field) in fields)
        {
            using var column = await group.ReadRawColumnDataBaseAsync(field, cancellationToken);
            table.Add(name, TextsOf(column, field, (int)group.RowCount));
        }

        return ((int)group.RowCount, table);
    }

    // Of each row its texts; null where it has no value at all.
    private static string[]?[] TextsOf(RawColumnData column, DataField field, int rows)
    {
        var values = ValuesOf(column);
        var definitions = field.MaxDefinitionLevel > 0 ? column.DefinitionLevels : [];
        var repetitions = field.MaxRepetitionLevel > 0 ? column.RepetitionLevels : [];
        var (texts, row, next, texted) = (new string[]?[rows], -1, 0, new List<string>());
        var entries = field.MaxDefinitionLevel > 0 ? definitions.Length : values.Length;
        for (var entry = 0; entry < entries; entry++)
        {
            if (field.MaxRepetitionLevel == 0 || repetitions[entry] == 0)
            {
                row++;
                texted.Clear();
            }

            if (field.MaxDefinitionLevel == 0 || definitions[entry] == field.MaxDefinitionLevel)
            {
                texted.Add(values[next++]);
            }
            else if (field.MaxRepetitionLevel > 0 && definitions[entry] == field.MaxDefinitionLevel - 1 && field.IsNullable)
            {
                // An element without value.
                texted.Add("");
            }

            texts[row] = texted.Count > 0 ? [.. texted] : null;
        }

        return row + 1 == rows ? texts : throw new InvalidDataException($"the column '{field.Name}' has {row + 1} rows instead of {rows}");
    }

    private static string[] ValuesOf(RawColumnData column) => column switch
    {
        RawColumnData<ReadOnlyMemory<char>> texts => Texts(texts, text => text.ToString()),
        RawColumnData<bool> flags => Texts(flags, flag => flag ? "true" : "false"),
        RawColumnData<int> numbers => Texts(numbers, Invariant),
        RawColumnData<long> numbers => Texts(numbers, Invariant),
        RawColumnData<short> numbers => Texts(numbers, Invariant),
        RawColumnData<sbyte> numbers => Texts(numbers, Invariant),
        RawColumnData<byte> numbers => Texts(numbers, Invariant),
        RawColumnData<ushort> numbers => Texts(numbers, Invariant),
        RawColumnData<uint> numbers => Texts(numbers, Invariant),
        RawColumnData<ulong> numbers => Texts(numbers, Invariant),
        RawColumnData<float> numbers => Texts(numbers, Invariant),
        RawColumnData<double> numbers => Texts(numbers, Invariant),
        RawColumnData<decimal> numbers => Texts(numbers, Invariant),
        RawColumnData<DateTime> times => Texts(times, time => time.ToString("O", CultureInfo.InvariantCulture)),
        _ => throw new InvalidDataException("a column holds neither texts nor numbers"),
    };

    private static string[] Texts<T>(RawColumnData<T> column, Func<T, string> text)
        where T : struct
    {
        var texts = new string[column.Values.Length];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = text(column.Values[i]);
        }

        return texts;
    }

    private static string Invariant<T>(T number)
        where T : IFormattable => number.ToString(null, CultureInfo.InvariantCulture);

    // Whatever the library meets in a file that is none: it says so in many ways.
    private static async Task<T> GuardAsync<T>(string path, Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (InvalidDataException)
        {
            throw;
        }
        catch (Exception damaged) when (damaged is not (OperationCanceledException or OutOfMemoryException))
        {
            throw new InvalidDataException($"{Path.GetFileName(path)}: it is not a Parquet file that can be read.", damaged);
        }
    }

    private static InvalidDataException Refused(string path, string reason) => new($"{Path.GetFileName(path)}: {reason}.");
}
