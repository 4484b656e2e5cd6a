namespace DistillGrpc.Cli;

/// <summary>Rows on their way to a file, which is there whole or not at all (what it held before stays until then), or to standard output.</summary>
internal sealed class RowFile : IAsyncDisposable
{
    private readonly UnfinishedFile? _file;
    private readonly TextWriter _writer;

    /// <summary>Begins.</summary>
    /// <param name="file">The file; null for standard output.</param>
    /// <exception cref="InvalidDataException">It cannot be written: better known now than when rows were paid for.</exception>
    public RowFile(FileInfo? file)
    {
        _file = file is null ? null : new UnfinishedFile(file);
        _writer = _file is null ? Console.Out : new StreamWriter(_file.Stream);
    }

    public async ValueTask WriteAsync(string row, CancellationToken cancellationToken) => await _writer.WriteLineAsync(row.AsMemory(), cancellationToken);

    /// <summary>All rows are there: the file takes its name.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        await _writer.FlushAsync(cancellationToken);
        if (_file is not null)
        {
            await _file.CompleteAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_file is not null)
        {
            await _file.DisposeAsync();
        }
    }
}
