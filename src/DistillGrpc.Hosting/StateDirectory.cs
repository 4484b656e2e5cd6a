namespace DistillGrpc.Hosting;

/// <summary>
/// The one folder that a service keeps its state in: <c>schema-version</c>, and a folder for each kind of state. It may be
/// deleted as a whole while the service is down.
/// </summary>
public sealed class StateDirectory
{
    private const string VersionFile = "schema-version";
    private const int Version = 1;

    /// <summary>Opens the folder, or makes it, readable by its owner alone.</summary>
    /// <param name="path">The folder; empty for <c>distill-grpc</c> in the user's data folder.</param>
    /// <exception cref="InvalidOperationException">It was written by a newer version, or is not ours; the message says so.</exception>
    public StateDirectory(string path)
    {
        Root = path.Length > 0 ? System.IO.Path.GetFullPath(path) : System.IO.Path.Combine(UserData(), "distill-grpc");
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Root);
        }
        else
        {
            Directory.CreateDirectory(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        var version = System.IO.Path.Combine(Root, VersionFile);
        if (!File.Exists(version))
        {
            File.WriteAllText(version, $"{Version}\n");
        }
        else if (!int.TryParse(File.ReadAllText(version), out var found) || found != Version)
        {
            throw new InvalidOperationException($"The state in {Root} has schema version '{File.ReadAllText(version).Trim()}', and this program knows version {Version}: use another StateDirectory, or the program that wrote it.");
        }
    }

    /// <summary>The folder.</summary>
    public string Root { get; }

    /// <summary>A folder for one kind of state, made where it is missing.</summary>
    public string Folder(string name) => Directory.CreateDirectory(System.IO.Path.Combine(Root, name)).FullName;

    /// <summary>What it takes on disk, in bytes.</summary>
    public long Size() => new DirectoryInfo(Root).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);

    private static string UserData() => Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create);
}
