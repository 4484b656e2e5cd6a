namespace DistillGrpc.Cli;

/// <summary>Rows on their way to a file, which is there whole or not at all (what it held before stays until then), or to standard output.</summary>
internal sealed class RowFile : IAsyncDisposable
{
    private readonly FileInfo? _file;
    private readonly string _unfinished = "";
    private readonly TextWriter _writer;

    /// <summary>Begins.</summary>
    /// <param name="file">The file; null for standard output.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public RowFile(FileInfo? file)
    {
        _file = file;
        _unfinished = file is null ? "" : file.FullName + ".tmp";
        _writer = file is null ? Console.Out : new StreamWriter(_unfinished);
    }

    public async ValueTask WriteAsync(string row, CancellationToken cancellationToken) => await _writer.WriteLineAsync(row.AsMemory(), cancellationToken);

    /// <summary>All rows are there: the file takes its name.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        await _writer.FlushAsync(cancellationToken);
        if (_file is not null)
        {
            await _writer.DisposeAsync();
            File.Move(_unfinished, _file.FullName, overwrite: true);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_file is not null)
        {
            await _writer.DisposeAsync();
            File.Delete(_unfinished);
        }
    }
}
