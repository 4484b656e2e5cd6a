using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>
/// A sweep's folder: <c>sweep.json</c>, a file in <c>runs/</c> for every run that has ended, one in <c>rows/</c> with its answers to the held-out rows, and the
/// report that is made from them. Files are there whole or not at all, also after a power cut: a sweep that was killed goes on with what it has.
/// </summary>
internal sealed class ResultFolder(DirectoryInfo folder)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(), new MessageConverter<Evaluation>(), new MessageConverter<TrainingSpec>(), new MessageConverter<TrainingReport>() },
    };

    private static readonly JsonSerializerOptions Indented = new(Json) { WriteIndented = true };

    public string Path => folder.FullName;

    /// <summary>As it was given.</summary>
    public string Shown => folder.ToString();

    /// <summary>Whether it holds a sweep.</summary>
    public bool HasRecord => File.Exists(System.IO.Path.Combine(folder.FullName, "sweep.json"));

    public static string Text(object value) => JsonSerializer.Serialize(value, Json);

    public void WriteRecord(SweepRecord record) => Write("sweep.json", JsonSerializer.Serialize(record, Indented));

    /// <summary>What the sweep is made from.</summary>
    /// <exception cref="InvalidDataException">The folder holds no sweep.</exception>
    public SweepRecord ReadRecord() => Read<SweepRecord>("sweep.json") ?? throw new InvalidDataException($"'{folder}' holds no sweep.");

    /// <summary>A run's result; null where there is none, or it is of another run of this cell.</summary>
    public RunResult? Find(PlannedRun run) => Find(run.Cell) is { } result && result.Job == SweepJobs.NameOf(run) ? result : null;

    /// <summary>A cell's result; null where there is none.</summary>
    public RunResult? Find(Cell cell) => Read<RunResult>(System.IO.Path.Combine("runs", cell.Key + ".json"));

    public void Write(RunResult result) => Write(System.IO.Path.Combine("runs", result.Cell.Key + ".json"), JsonSerializer.Serialize(result, Indented));

    /// <summary>How a run answered the held-out rows; empty where that is not known.</summary>
    public IReadOnlyList<RowAnswer> FindAnswers(Cell cell)
    {
        var file = AnswersOf(cell);
        return File.Exists(file) ? [.. File.ReadLines(file).Select(line => JsonSerializer.Deserialize<RowAnswer>(line, Json)!)] : [];
    }

    public void Write(Cell cell, IEnumerable<RowAnswer> answers) => Write(System.IO.Path.Combine("rows", cell.Key + ".jsonl"), string.Concat(answers.Select(answer => JsonSerializer.Serialize(answer, Json) + "\n")));

    /// <summary>Forgets how an earlier run of a cell answered.</summary>
    public void DeleteAnswers(Cell cell)
    {
        // File.Delete has nothing against a file that is not there, but against a folder.
        if (File.Exists(AnswersOf(cell)))
        {
            File.Delete(AnswersOf(cell));
        }
    }

    /// <summary>Writes a file, whole or not at all.</summary>
    /// <exception cref="InvalidDataException">It cannot be written.</exception>
    public void Write(string name, string text)
    {
        var file = System.IO.Path.Combine(folder.FullName, name);
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
            DurableFile.Write(file, Encoding.UTF8.GetBytes(text));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"--out: {System.IO.Path.Combine(folder.ToString(), name)} cannot be written: {failure.Message}", failure);
        }
    }

    public static string TextIndented(object value) => JsonSerializer.Serialize(value, Indented);

    private string AnswersOf(Cell cell) => System.IO.Path.Combine(folder.FullName, "rows", cell.Key + ".jsonl");

    private T? Read<T>(string name)
        where T : class
    {
        var file = System.IO.Path.Combine(folder.FullName, name);
        try
        {
            return File.Exists(file) ? JsonSerializer.Deserialize<T>(File.ReadAllText(file), Json) : null;
        }
        catch (Exception damaged) when (damaged is JsonException or Google.Protobuf.InvalidProtocolBufferException)
        {
            throw new InvalidDataException($"{System.IO.Path.Combine(folder.ToString(), name)} cannot be read: {damaged.Message}", damaged);
        }
    }
}
