namespace DistillGrpc.Cli;

/// <summary>Rows on their way to a file, which is there whole or not at all (what it held before stays until then), or to standard output.</summary>
internal sealed class RowFile : IAsyncDisposable
{
    private readonly FileInfo? _file;
    private readonly string _unfinished = "";
    private readonly TextWriter _writer;

    /// <summary>Begins.</summary>
    /// <param name="file">The file; null for standard output.</param>
    /// <exception cref="InvalidDataException">It cannot be written: better known now than when rows were paid for.</exception>
    public RowFile(FileInfo? file)
    {
        _file = file;
        _unfinished = file is null ? "" : file.FullName + ".tmp";
        _writer = file is null ? Console.Out : Open(file, _unfinished);
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

    private static StreamWriter Open(FileInfo file, string unfinished)
    {
        try
        {
            return Directory.Exists(file.FullName) ? throw Refused(file, "it is a folder", null) : new StreamWriter(unfinished);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Refused(
                file,
                failure switch
                {
                    DirectoryNotFoundException => "its folder is not there",
                    UnauthorizedAccessException => "access is denied",
                    _ => failure.Message.Replace(unfinished, $"{file}", StringComparison.Ordinal).TrimEnd('.'),
                },
                failure);
        }
    }

    // The path as the user wrote it.
    private static InvalidDataException Refused(FileInfo file, string reason, Exception? cause) => new($"--out: {file} cannot be written: {reason}.", cause);
}
