using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Datasets;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>What belongs to a job besides its line in the database: rows that came with a call, the rows that it learns from, checkpoints.</summary>
internal sealed class JobFolder(StateDirectory state, string id)
{
    private const string Collection = "jobs";

    /// <summary>Where it is.</summary>
    public string Path { get; } = System.IO.Path.Combine(state.Folder(Collection), id);

    /// <summary>Rows that came with the call to Train.</summary>
    public string Sent => System.IO.Path.Combine(Path, "sent.rows");

    /// <summary>Held-out rows that came with the call to Train.</summary>
    public string SentHeldOut => System.IO.Path.Combine(Path, "sent-held-out.rows");

    /// <summary>The dataset of the rows that are learnt from, <c>datasets/{id}</c>; empty until all of them have come.</summary>
    public string Dataset
    {
        get => File.Exists(DatasetFile) ? File.ReadAllText(DatasetFile) : "";
        set => DurableFile.Write(DatasetFile, Encoding.UTF8.GetBytes(value));
    }

    /// <summary>Where the checkpoints are.</summary>
    public string Checkpoints => System.IO.Path.Combine(Path, "checkpoints");

    private string DatasetFile => System.IO.Path.Combine(Path, "dataset");

    /// <summary>Makes the folder.</summary>
    public JobFolder Create()
    {
        Directory.CreateDirectory(Path);
        return this;
    }

    /// <summary>Removes what a job needs to go on, when it never will.</summary>
    public void Shrink()
    {
        File.Delete(Sent);
        File.Delete(SentHeldOut);
        if (Directory.Exists(Checkpoints))
        {
            Directory.Delete(Checkpoints, recursive: true);
        }
    }

    /// <summary>Removes the folder.</summary>
    public void Delete()
    {
        if (Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }
    }

    /// <summary>Removes the folders of jobs that there are not: a process that was killed left them.</summary>
    public static void CleanUp(StateDirectory state, IReadOnlySet<string> jobs)
    {
        foreach (var folder in Directory.GetDirectories(state.Folder(Collection)).Where(folder => !jobs.Contains(System.IO.Path.GetFileName(folder))))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Reads rows that came with a call; none where there were none.</summary>
    public static IEnumerable<Example> Read(string path)
    {
        if (!File.Exists(path))
        {
            yield break;
        }

        using var reader = new RowReader(path);
        while (reader.Read() is { } row)
        {
            yield return row;
        }
    }
}
