using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Data;

/// <summary>Where a command's rows come from: a file, or standard input.</summary>
/// <param name="Path">The file; null for standard input.</param>
/// <param name="Format">How the rows are written; null for what the file's name says.</param>
/// <param name="Columns">Names that differ from the usual ones.</param>
internal sealed record DataSource(string? Path, ExampleFormat? Format, ExampleColumns Columns)
{
    /// <summary>What people call it.</summary>
    public string Name => Path is null ? "standard input" : System.IO.Path.GetFileName(Path);

    /// <summary>Whether they are in this file, by whichever of its names.</summary>
    public bool IsIn(FileInfo file) => Path is not null && Target(new FileInfo(Path)) == Target(file);

    /// <summary>Reads the rows one at a time; standard input can be read once.</summary>
    /// <exception cref="InvalidDataException">There are no rows, or one cannot be used; the message says which line and why.</exception>
    public async IAsyncEnumerable<Example> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await using var stream = Path is null ? StandardInput() : File.OpenRead(Path);
        var format = Format ?? (Path is null ? ExampleFormat.Jsonl : ExampleReader.FormatOf(Path));
        var isEmpty = true;
        await foreach (var row in ExampleReader.ReadAsync(stream, Name, format, Columns, cancellationToken))
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
