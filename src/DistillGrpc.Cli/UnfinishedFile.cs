namespace DistillGrpc.Cli;

/// <summary>A file that is there whole or not at all; what it held before stays until then.</summary>
internal sealed class UnfinishedFile : IAsyncDisposable
{
    private readonly FileInfo _file;
    private readonly string _unfinished;

    /// <summary>Begins.</summary>
    /// <param name="file">The file.</param>
    /// <exception cref="InvalidDataException">It cannot be written: better known now than when rows were paid for.</exception>
    public UnfinishedFile(FileInfo file)
    {
        (_file, _unfinished) = (file, file.FullName + ".tmp");
        Stream = Open(file, _unfinished);
    }

    /// <summary>Takes what is written.</summary>
    public FileStream Stream { get; }

    /// <summary>All is written: the file takes its name.</summary>
    public async Task CompleteAsync()
    {
        await Stream.DisposeAsync();
        File.Move(_unfinished, _file.FullName, overwrite: true);
    }

    public async ValueTask DisposeAsync()
    {
        await Stream.DisposeAsync();
        File.Delete(_unfinished);
    }

    private static FileStream Open(FileInfo file, string unfinished)
    {
        try
        {
            return Directory.Exists(file.FullName) ? throw Refused(file, "it is a folder", null) : new FileStream(unfinished, FileMode.Create, FileAccess.Write, FileShare.Read);
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
