using System.CommandLine;
using System.Text.Json;
using DistillGrpc.Hosting;

namespace DistillGrpc.Cli;

/// <summary><c>distill state</c>: what the services keep on this machine.</summary>
internal static class StateCommand
{
    public static Command Create()
    {
        var directory = new Option<string>("--state-directory") { Description = "The services' StateDirectory.", DefaultValueFactory = _ => StateDirectory.DefaultPath };
        var json = new Option<bool>("--json") { Description = "Prints one JSON object." };
        var command = new Command("state", "Shows where the services keep their state, and how much it is.") { directory, json };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () =>
            {
                Print(Path.GetFullPath(parsed.GetValue(directory)!), parsed.GetValue(json));
                return Task.CompletedTask;
            },
            cancellationToken));
        return command;
    }

    private static void Print(string root, bool json)
    {
        var version = Path.Combine(root, StateDirectory.VersionFile);
        if (!File.Exists(version))
        {
            throw new InvalidDataException($"{root} holds no state.");
        }

        var kinds = Directory.GetDirectories(root).Order(StringComparer.Ordinal).Select(folder => (Name: Path.GetFileName(folder), Entries: Directory.GetFileSystemEntries(folder).Length, Bytes: Size(folder))).ToArray();
        var files = Directory.GetFiles(root).Select(file => new FileInfo(file)).Where(file => file.Length > 0 && file.Name != StateDirectory.VersionFile).OrderBy(file => file.Name, StringComparer.Ordinal).ToArray();
        var schema = File.ReadAllText(version).Trim();
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { directory = root, schemaVersion = schema, kinds = kinds.ToDictionary(kind => kind.Name, kind => new { entries = kind.Entries, bytes = kind.Bytes }), files = files.ToDictionary(file => file.Name, file => file.Length) }));
            return;
        }

        Console.WriteLine($"{root}, schema version {schema}");
        foreach (var (name, entries, bytes) in kinds)
        {
            Console.WriteLine($"  {name,-16} {entries,6} {bytes / 1048576.0,10:0.0} MiB");
        }

        foreach (var file in files)
        {
            Console.WriteLine($"  {file.Name,-16} {"",6} {file.Length / 1048576.0,10:0.0} MiB");
        }
    }

    private static long Size(string folder) => new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
}
