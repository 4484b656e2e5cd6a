namespace DistillGrpc.Tests;

/// <summary>Where reference data lies that is too large to commit.</summary>
internal static class SharedData
{
    private static readonly string? Root = FindRoot();

    /// <summary>The path of a file or folder in the reference data, or null where it is not there.</summary>
    public static string? Find(string relative)
    {
        var path = Root is null ? null : Path.Combine(Root, relative);
        return File.Exists(path) || Directory.Exists(path) ? path : null;
    }

    /// <summary>The path of a file or folder that a <see cref="SharedFactAttribute"/> has found.</summary>
    public static string Locate(string relative) => Find(relative) ?? throw new FileNotFoundException(relative);

    private static string? FindRoot()
    {
        if (Environment.GetEnvironmentVariable("DISTILL_SHARED") is { Length: > 0 } configured)
        {
            return configured;
        }

        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "DistillGrpc.sln")))
            {
                return Path.Combine(folder.Parent?.FullName ?? folder.FullName, "shared");
            }
        }

        return null;
    }
}
