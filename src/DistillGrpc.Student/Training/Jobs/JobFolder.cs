using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;

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

    /// <summary>The rows that are learnt from; there when all of them have come.</summary>
    public string Rows => System.IO.Path.Combine(Path, "train.rows");

    /// <summary>Where the checkpoints are.</summary>
    public string Checkpoints => System.IO.Path.Combine(Path, "checkpoints");

    /// <summary>Makes the folder.</summary>
    public JobFolder Create()
    {
        Directory.CreateDirectory(Path);
        return this;
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

    /// <summary>Reads rows; none where the file is not there.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static IEnumerable<Example> Read(string path) => File.Exists(path) ? RowFile.Read(path) : [];
}
