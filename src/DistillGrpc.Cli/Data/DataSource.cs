using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Data;

/// <summary>Where a command's rows come from: a file, or standard input.</summary>
/// <param name="Path">The file; null for standard input.</param>
/// <param name="Format">How the rows are written; null for what the file's name says.</param>
/// <param name="Columns">Names that differ from the usual ones.</param>
internal sealed record DataSource(string? Path, DataFormat? Format, ExampleColumns Columns)
{
    /// <summary>What people call it.</summary>
    public string Name => Path is null ? "standard input" : System.IO.Path.GetFileName(Path);

    /// <summary>Whether they are in this file, by whichever of its names.</summary>
    public bool IsIn(FileInfo file) => Path is not null && Target(new FileInfo(Path)) == Target(file);

    /// <summary>Reads the rows one at a time; standard input can be read once.</summary>
    /// <exception cref="InvalidDataException">There are no rows, or one cannot be used; the message says which line and why.</exception>
    public IAsyncEnumerable<Example> ReadAsync(CancellationToken cancellationToken = default) => ExampleReader.Strictly(ReadRowsAsync(cancellationToken), Name);

    /// <summary>The same, with those that cannot be used.</summary>
    /// <exception cref="InvalidDataException">There are no rows, or the file cannot be read; the message says why.</exception>
    public async IAsyncEnumerable<FileRow> ReadRowsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var isEmpty = true;
        await foreach (var row in OpenAsync(cancellationToken))
        {
            isEmpty = false;
            yield return row;
        }

        if (isEmpty)
        {
            throw new InvalidDataException($"{Name}: there are no rows.");
        }
    }

    /// <summary>How many rows there are, or null where they can be read only once. A row that cannot be used is found now, before any is paid for.</summary>
    /// <exception cref="InvalidDataException">A row cannot be used; the message says which line and why.</exception>
    public async Task<long?> CountAsync(CancellationToken cancellationToken) =>
        // A pipe has no length, and what is read from it is gone.
        Path is null || (File.Exists(Path) && new FileInfo(Path).Length == 0) ? null : await ReadAsync(cancellationToken).LongCountAsync(cancellationToken);

    private static string Target(FileInfo file) => (file.Exists ? file.ResolveLinkTarget(returnFinalTarget: true) : null)?.FullName ?? file.FullName;

    private IAsyncEnumerable<FileRow> OpenAsync(CancellationToken cancellationToken) => (Format ?? FormatOf(Path)) switch
    {
        DataFormat.Parquet => ParquetRows.ReadAsync(RequirePath("parquet"), Columns, cancellationToken),
        DataFormat.Reference => ReferenceLayout.ReadRowsAsync(RequirePath("reference"), Columns, cancellationToken),
        DataFormat.Csv => ReadStreamAsync(ExampleFormat.Csv, cancellationToken),
        DataFormat.Text => ReadStreamAsync(ExampleFormat.Text, cancellationToken),
        _ => ReadStreamAsync(ExampleFormat.Jsonl, cancellationToken),
    };

    private static DataFormat FormatOf(string? path) =>
        path is null ? DataFormat.Jsonl
        : System.IO.Path.GetExtension(path).Equals(".parquet", StringComparison.OrdinalIgnoreCase) ? DataFormat.Parquet
        : ExampleReader.FormatOf(path) switch { ExampleFormat.Csv => DataFormat.Csv, ExampleFormat.Text => DataFormat.Text, _ => DataFormat.Jsonl };

    private string RequirePath(string format) => Path ?? throw new InvalidDataException($"--format {format} needs a file: it is not read from its beginning to its end.");

    private async IAsyncEnumerable<FileRow> ReadStreamAsync(ExampleFormat format, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var stream = Path is null ? StandardInput() : File.OpenRead(Path);
        await foreach (var row in ExampleReader.ReadRowsAsync(stream, Name, format, Columns, cancellationToken))
        {
            yield return row;
        }
    }

    // Nothing ends a read of standard input but input: whoever reads from the pipe need not wait for it.
    private static Stream StandardInput()
    {
        var pipe = new Pipe();
        _ = CopyAsync();
        return pipe.Reader.AsStream();

        async Task CopyAsync()
        {
            await using var input = Console.OpenStandardInput();
            try
            {
                await input.CopyToAsync(pipe.Writer);
                await pipe.Writer.CompleteAsync();
            }
            catch (IOException failure)
            {
                await pipe.Writer.CompleteAsync(failure);
            }
        }
    }
}
