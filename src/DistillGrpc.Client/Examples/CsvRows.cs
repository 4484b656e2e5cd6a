using System.Runtime.CompilerServices;
using System.Text.Unicode;
using CsvHelper;

namespace DistillGrpc.Client.Examples;

/// <summary>Rows of a table with a header line.</summary>
internal static class CsvRows
{
    private static readonly string[] Inputs = ["input", "segment1", "premise"];

    public static async IAsyncEnumerable<FileRow> ReadAsync(
        Stream stream, string name, ExampleColumns columns, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        CsvMalformedRecord? damaged = null;
        var options = new CsvReaderOptions
        {
            Separator = ',',
            MaxRecordSize = ExampleFile.MaxLineBytes,
            TrackLineNumbers = true,
            OnMalformedRecord = record => damaged ??= record,
        };
        await using var reader = CsvReader.Create(stream, options, leaveOpen: true);
        await GuardAsync(name, async () =>
        {
            await reader.ReadHeaderAsync(cancellationToken);
            return true;
        });
        RequireSound(damaged, name);
        var index = Header(reader, name, columns);
        // The column's field of the current row: made once, not for every row.
        string? Field(string column) => index.TryGetValue(column, out var at) ? reader.GetString(at) : null;
        var fields = new ExampleFields(Field, columns);
        while (await GuardAsync(name, () => reader.ReadAsync(cancellationToken)))
        {
            var row = Read(reader, fields, damaged);
            // Where a quote is not closed, all that follows is its text.
            if (damaged?.Reason == CsvMalformedReason.UnterminatedQuote)
            {
                RequireSound(damaged, name);
            }

            damaged = null;
            yield return row;
        }

        RequireSound(damaged, name);
    }

    private static FileRow Read(CsvReader reader, ExampleFields fields, CsvMalformedRecord? damaged)
    {
        var line = (int)reader.LineNumber;
        var reason = damaged is { } record ? Text(record)
            : reader.RawRecord.Length > ExampleFile.MaxLineBytes ? TooLong
            : !Utf8.IsValid(reader.RawRecord) ? "it is not UTF-8"
            : reader.FieldCount != reader.Headers.Count ? $"it has {reader.FieldCount} fields, and the header {reader.Headers.Count}"
            : null;
        try
        {
            return reason is null ? new FileRow(line, fields.Read(line)) : new FileRow(line, null, reason);
        }
        catch (InvalidDataException refused)
        {
            return new FileRow(line, null, refused.Message);
        }
    }

    private static string TooLong => $"it is longer than {ExampleFile.MaxLineBytes} bytes; is a quote not closed?";

    private static async ValueTask<bool> GuardAsync(string name, Func<ValueTask<bool>> read)
    {
        try
        {
            return await read();
        }
        catch (CsvFormatException refused)
        {
            // The only thing that it throws for: what is malformed comes through the callback, which knows more.
            throw ExampleReader.Refused(name, Math.Max(1, refused.LineNumber), TooLong, refused);
        }
    }

    private static void RequireSound(CsvMalformedRecord? damaged, string name)
    {
        if (damaged is { } record)
        {
            throw ExampleReader.Refused(name, record.LineNumber, Text(record));
        }
    }

    private static string Text(CsvMalformedRecord record) => record.Reason switch
    {
        CsvMalformedReason.UnterminatedQuote => "a quote is not closed",
        CsvMalformedReason.TextAfterClosingQuote => "there is text after a closing quote",
        _ => "a field with a quote in it has none around it",
    };

    private static Dictionary<string, int> Header(CsvReader reader, string name, ExampleColumns columns)
    {
        var headers = reader.Headers.ToArray().Select(header => header.Trim()).ToArray();
        var index = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        foreach (var (header, i) in headers.Select((header, i) => (header, i)))
        {
            // Columns that nobody reads may well be called the same, or nothing.
            if (header.Length > 0 && !index.TryAdd(header, i) && ExampleFields.IsRead(header, columns))
            {
                throw ExampleReader.Refused(name, 1, $"the column '{header}' comes twice");
            }
        }

        var missing = columns.Inputs.Append(columns.Label).Append(columns.Id).FirstOrDefault(column => column.Length > 0 && !index.ContainsKey(column));
        // A file with nothing in it has no rows; with something, it must say where the input is.
        return headers.Length == 0 ? index
            : missing is not null ? throw ExampleReader.Refused(name, 1, $"there is no column '{missing}'; there are {string.Join(", ", headers)}")
            : columns.Inputs.Count == 0 && !Inputs.Any(index.ContainsKey)
                ? throw ExampleReader.Refused(name, 1, $"there is no column 'input', 'segment1', or 'premise' and 'hypothesis'; there are {string.Join(", ", headers)}")
            : index;
    }
}
