using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Models;

/// <summary>The models that a process finds when it starts: those in the state directory, and where the operator's are.</summary>
internal sealed class StoredModels(StateDirectory state, ILogger logger)
{
    /// <summary>Their folder in the state directory.</summary>
    public const string Folder = "models";

    /// <summary>The models of the state directory, once what a killed process left is gone.</summary>
    public IReadOnlyList<CatalogModel> Open()
    {
        var root = state.Folder(Folder);
        CleanUp(root);
        return [.. Directory.GetDirectories(root).Where(IsOurs).Select(path => new CatalogModel(Path.GetFileName(path), new ModelFolder(path)))];
    }

    /// <summary>Checks the models that the operator has named.</summary>
    /// <param name="options">What the operator has set.</param>
    /// <param name="state">Where other models are.</param>
    /// <exception cref="InvalidOperationException">One cannot be there; the message names the setting.</exception>
    public static void Check(StudentOptions options, StateDirectory state)
    {
        foreach (var (id, path) in options.Models)
        {
            if (ModelName.IsId(id) && Directory.Exists(Path.Combine(state.Folder(Folder), id)))
            {
                throw new InvalidOperationException($"Models:{id}: the state directory has a model of this id too; choose another.");
            }

            if (!ModelName.IsId(id) || !Directory.Exists(path))
            {
                throw new InvalidOperationException($"Models:{id}: {(ModelName.IsId(id) ? $"there is no folder '{path}'" : "an id has 1 to 63 of a-z, 0-9 and '-', a letter first")}.");
            }
        }
    }

    // The state is the service's own: what a link there leads to is not.
    private bool IsOurs(string path)
    {
        var isOurs = ModelName.IsId(Path.GetFileName(path));
        if (isOurs && Links(path).Any())
        {
            StudentLog.ModelRefused(logger, Path.GetFileName(path), "it is a link, or holds one");
            isOurs = false;
        }

        return isOurs;
    }

    private static IEnumerable<FileSystemInfo> Links(string path) =>
        new DirectoryInfo(path).EnumerateFileSystemInfos("*", SearchOption.AllDirectories).Prepend(new DirectoryInfo(path)).Where(entry => entry.LinkTarget is not null);

    // What a process left that was killed, and models from before there were versions.
    private void CleanUp(string root)
    {
        foreach (var unfinished in Directory.GetDirectories(state.Folder("unfinished")))
        {
            Directory.Delete(unfinished, recursive: true);
        }

        ModelFolder.CleanUp(root);
        foreach (var plain in Directory.GetDirectories(root).Where(path => ModelName.IsId(Path.GetFileName(path)) && File.Exists(Path.Combine(path, "config.json")) && new DirectoryInfo(path).LinkTarget is null))
        {
            var aside = Path.Combine(state.Folder("unfinished"), Path.GetFileName(plain));
            Directory.Move(plain, aside);
            var folder = new ModelFolder(plain);
            folder.SetAlias(ModelName.Stable, folder.Publish(aside));
        }
    }
}
