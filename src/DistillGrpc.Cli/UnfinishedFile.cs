namespace DistillGrpc.Cli;

/// <summary>A file that is there whole or not at all; what it held before stays until then.</summary>
internal sealed class UnfinishedFile : IAsyncDisposable
{
    private readonly FileInfo _file;
    private readonly string _unfinished;
    private readonly string _option;

    /// <summary>Begins.</summary>
    /// <param name="file">The file.</param>
    /// <param name="option">The option that names it, for errors.</param>
    /// <exception cref="InvalidDataException">It cannot be written: better known now than when rows were paid for.</exception>
    public UnfinishedFile(FileInfo file, string option = "--out")
    {
        (_file, _unfinished, _option) = (file, file.FullName + ".tmp", option);
        Stream = Open();
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

    private FileStream Open()
    {
        try
        {
            return Directory.Exists(_file.FullName) ? throw OutputFailure.Folder(_option, _file) : new FileStream(_unfinished, FileMode.Create, FileAccess.Write, FileShare.Read);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw OutputFailure.Of(_option, _file, failure, _unfinished);
        }
    }
}
