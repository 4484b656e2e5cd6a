using System.Diagnostics.CodeAnalysis;
using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Datasets;
using Google.Protobuf;

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

    /// <summary>Rows in the order in which they came, of a run that began before all of them were there.</summary>
    public string Arrived => System.IO.Path.Combine(Path, "arrived.rows");

    /// <summary>How many of them there were when each of its passes began.</summary>
    public string Growth => System.IO.Path.Combine(Path, "growth");

    /// <summary>Where the checkpoints are.</summary>
    public string Checkpoints => System.IO.Path.Combine(Path, "checkpoints");

    /// <summary>The student that has learnt, until it is put into its place: from then on it is not learnt again.</summary>
    public string Student => System.IO.Path.Combine(Path, "student");

    /// <summary>What its run made; null while <see cref="Student"/> is not there.</summary>
    [DisallowNull]
    public TrainingResult? Result
    {
        get => Directory.Exists(Student) ? LastResult : null;
        set => DurableFile.Write(ResultFile, value.ToByteArray());
    }

    /// <summary>What a run made, also when its student is in its place; null where none was ever kept.</summary>
    public TrainingResult? LastResult => File.Exists(ResultFile) ? TrainingResult.Parser.ParseFrom(File.ReadAllBytes(ResultFile)) : null;

    /// <summary>How the student did that is trained for comparison; null until it is known.</summary>
    [DisallowNull]
    public Evaluation? Baseline
    {
        get => File.Exists(BaselineFile) ? Evaluation.Parser.ParseFrom(File.ReadAllBytes(BaselineFile)) : null;
        set => DurableFile.Write(BaselineFile, value.ToByteArray());
    }

    /// <summary>Where that student's checkpoints are.</summary>
    public string BaselineCheckpoints => System.IO.Path.Combine(Path, "baseline-checkpoints");

    /// <summary>Where the checkpoints of the reader of rationales are.</summary>
    public string ReaderCheckpoints => System.IO.Path.Combine(Path, "reader-checkpoints");

    private string ResultFile => System.IO.Path.Combine(Path, "result");

    private string BaselineFile => System.IO.Path.Combine(Path, "baseline");

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
        File.Delete(Arrived);
        File.Delete(Growth);
        File.Delete(ResultFile);
        File.Delete(BaselineFile);
        foreach (var folder in new[] { Checkpoints, BaselineCheckpoints, ReaderCheckpoints, Student }.Where(Directory.Exists))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Keeps a student that has learnt, and what its run made.</summary>
    /// <param name="finished">The student's folder, which is moved.</param>
    /// <param name="result">What the run made.</param>
    public void Keep(string finished, TrainingResult result)
    {
        // The folder last: what it says is there when it is.
        Result = result;
        DurableFolder.Publish(finished, Student);
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
