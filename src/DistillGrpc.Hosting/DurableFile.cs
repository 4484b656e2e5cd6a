namespace DistillGrpc.Hosting;

/// <summary>Files that are there whole or not at all, also after a power cut.</summary>
public static class DurableFile
{
    /// <summary>Writes a file, in place of one that is there.</summary>
    /// <exception cref="IOException">It cannot be written; the one before is still there.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var temporary = path + ".tmp";
        using (var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write))
        {
            RandomAccess.Write(file, content, 0);
            RandomAccess.FlushToDisk(file);
        }

        File.Move(temporary, path, overwrite: true);
        DurableFolder.Sync(Path.GetDirectoryName(path)!);
    }
}
