using System.Globalization;
using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>A job's checkpoints: folders by step, each there whole or not at all. The newest few are kept.</summary>
/// <param name="folder">Where they are.</param>
/// <param name="kept">How many are kept.</param>
internal sealed class JobCheckpoints(string folder, int kept)
{
    private const string Prefix = "step-";

    /// <summary>Writes one.</summary>
    /// <param name="step">Steps made.</param>
    /// <param name="write">Makes a folder and writes its files.</param>
    /// <returns>Its size in bytes.</returns>
    /// <exception cref="IOException">It cannot be written, for instance because the disk is full; those before are still there.</exception>
    public long Save(int step, Action<string> write)
    {
        var place = PlaceOf(step);
        Write(place, write);
        foreach (var old in Steps().Skip(kept))
        {
            Delete(PlaceOf(old));
        }

        return Directory.EnumerateFiles(place).Sum(file => new FileInfo(file).Length);
    }

    /// <summary>Reads the newest one that can be read.</summary>
    /// <param name="read">Reads one; throws <see cref="InvalidDataException"/> where it is damaged.</param>
    /// <param name="refused">Hears of one that is damaged, and why.</param>
    /// <returns>Its step, or null where there is none.</returns>
    public int? Restore(Action<string> read, Action<int, string> refused)
    {
        foreach (var step in Steps())
        {
            try
            {
                read(PlaceOf(step));
                return step;
            }
            catch (InvalidDataException damaged)
            {
                refused(step, damaged.Message);
            }
        }

        return null;
    }

    /// <summary>Writes the one of the best evaluation, in place of the one before.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void SaveBest(Action<string> write) => Write(Best, write);

    /// <summary>Reads the one of the best evaluation; false where there is none that can be read.</summary>
    public bool RestoreBest(Action<string> read)
    {
        try
        {
            read(Best);
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private string Best => Path.Combine(folder, "best");

    private static void Write(string place, Action<string> write)
    {
        var unfinished = place + ".new";
        Delete(unfinished);
        Directory.CreateDirectory(Path.GetDirectoryName(place)!);
        try
        {
            write(unfinished);
            Delete(place);
            DurableFolder.Publish(unfinished, place);
        }
        finally
        {
            Delete(unfinished);
            Delete(unfinished + ".tmp");
        }
    }

    // The newest first.
    private List<int> Steps() => !Directory.Exists(folder) ? [] :
    [
        .. Directory.GetDirectories(folder, Prefix + "*").Select(path => int.TryParse(Path.GetFileName(path)[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var step) ? step : -1)
            .Where(step => step >= 0).OrderDescending(),
    ];

    private string PlaceOf(int step) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:d9}"));

    private static void Delete(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
    }
}
