namespace DistillGrpc.Hosting;

/// <summary>
/// The one folder that a service keeps its state in: <c>schema-version</c>, and a folder for each kind of state. One process
/// of a service uses it at a time. It may be deleted as a whole while the service is down.
/// </summary>
public sealed class StateDirectory : IDisposable
{
    /// <summary>What this program writes, and the only one that it reads.</summary>
    public const int SchemaVersion = 1;

    /// <summary>The file that holds the version.</summary>
    public const string VersionFile = "schema-version";

    private readonly FileStream _lock;

    /// <summary>Opens the folder, or makes it, readable by its owner alone.</summary>
    /// <param name="path">The folder; empty for <see cref="DefaultPath"/>.</param>
    /// <param name="service">Who opens it; another process of the same service is kept out.</param>
    /// <exception cref="InvalidOperationException">It was written by another version, is in use, or cannot be written; the message says so.</exception>
    public StateDirectory(string path, string service)
    {
        Root = System.IO.Path.GetFullPath(path.Length > 0 ? path : DefaultPath);
        try
        {
            MakePrivate(Root);
            RequireVersion(System.IO.Path.Combine(Root, VersionFile));
            _lock = new FileStream(System.IO.Path.Combine(Root, $"{service}.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException busy) when (File.Exists(System.IO.Path.Combine(Root, $"{service}.lock")))
        {
            throw new InvalidOperationException($"StateDirectory: {Root} is in use by another {service}.", busy);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new InvalidOperationException($"StateDirectory: {Root} cannot be written: {refused.Message}", refused);
        }
    }

    /// <summary><c>distill-grpc</c> in the user's data folder.</summary>
    public static string DefaultPath =>
        System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create), "distill-grpc");

    /// <summary>The folder.</summary>
    public string Root { get; }

    /// <summary>A folder for one kind of state, made where it is missing.</summary>
    public string Folder(string name) => Directory.CreateDirectory(System.IO.Path.Combine(Root, name)).FullName;

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();

    private static void MakePrivate(string root)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(root);
        }
        else
        {
            Directory.CreateDirectory(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private void RequireVersion(string file)
    {
        if (!File.Exists(file))
        {
            // Renamed into its place: a file of this name is never half written.
            var temporary = $"{file}.{Environment.ProcessId}";
            File.WriteAllText(temporary, $"{SchemaVersion}\n");
            File.Move(temporary, file, overwrite: true);
        }
        else if (!int.TryParse(File.ReadAllText(file), out var found) || found != SchemaVersion)
        {
            throw new InvalidOperationException($"The state in {Root} has schema version '{File.ReadAllText(file).Trim()}', and this program knows version {SchemaVersion}: use another StateDirectory, or the program that wrote it.");
        }
    }
}
