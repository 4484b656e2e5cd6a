using System.Globalization;
using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Google.Protobuf;

namespace DistillGrpc.Student.Models;

/// <summary>
/// A model on the disk: a folder in Hugging Face layout for each version, named by its number, and <c>model.json</c> with the aliases and the
/// last number that was given. A number is given once.
/// </summary>
internal sealed class ModelFolder
{
    private const string IndexFile = "model.json";
    private const string LineageFile = "lineage.json";
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true };

    private readonly string _path;
    private Index _index;

    /// <summary>Opens a model's folder; it need not be there.</summary>
    /// <exception cref="InvalidDataException">Its index is damaged.</exception>
    public ModelFolder(string path)
    {
        _path = path;
        var index = Path.Combine(path, IndexFile);
        try
        {
            _index = File.Exists(index) ? JsonSerializer.Deserialize<Index>(File.ReadAllBytes(index), Json) ?? new Index() : new Index();
        }
        catch (JsonException damaged)
        {
            throw new InvalidDataException($"{IndexFile} is damaged.", damaged);
        }

        // There is a number after the last one.
        if (_index.Last is < 0 or int.MaxValue || _index.Aliases.Values.Any(number => number <= 0))
        {
            throw new InvalidDataException($"{IndexFile} has numbers that no version has.");
        }
    }

    /// <summary>Version numbers by alias.</summary>
    public IReadOnlyDictionary<string, int> Aliases => _index.Aliases;

    /// <summary>How requests are divided among the versions, or null.</summary>
    public TrafficPolicy? Traffic => _index.Traffic;

    /// <summary>The numbers of the versions that there are, the newest first.</summary>
    public IReadOnlyList<int> Numbers => !Directory.Exists(_path) ? [] :
    [
        .. Directory.GetDirectories(_path).Select(Path.GetFileName).Where(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0)
            .Select(name => int.Parse(name!, CultureInfo.InvariantCulture)).OrderDescending(),
    ];

    /// <summary>Where a version's files are.</summary>
    public string PlaceOf(int number) => Path.Combine(_path, number.ToString(CultureInfo.InvariantCulture));

    /// <summary>Moves a finished folder to its place, as a new version.</summary>
    /// <returns>Its number.</returns>
    public int Publish(string finished)
    {
        Directory.CreateDirectory(_path);
        var number = 1 + Math.Max(_index.Last, Numbers.FirstOrDefault());
        DurableFolder.Publish(finished, PlaceOf(number));
        Write(_index with { Last = number });
        return number;
    }

    /// <summary>Gives an alias to a version, or takes it away with null.</summary>
    public void SetAlias(string alias, int? number)
    {
        var aliases = new SortedDictionary<string, int>(_index.Aliases, StringComparer.Ordinal);
        aliases.Remove(alias);
        if (number is { } given)
        {
            aliases.Add(alias, given);
        }

        Write(_index with { Aliases = aliases });
    }

    /// <summary>Says how requests are divided among the versions; null for not at all.</summary>
    public void SetTraffic(TrafficPolicy? policy) => Write(_index with { Traffic = policy });

    /// <summary>Removes a version.</summary>
    public void Delete(int number)
    {
        // Renamed first: one that is half removed is none.
        var gone = $"{PlaceOf(number)}.gone";
        Directory.Move(PlaceOf(number), gone);
        Directory.Delete(gone, recursive: true);
    }

    /// <summary>Removes the model.</summary>
    public void Delete()
    {
        if (Directory.Exists(_path))
        {
            var gone = $"{_path}.gone";
            Directory.Move(_path, gone);
            Directory.Delete(gone, recursive: true);
        }
    }

    /// <summary>Removes what a process left half removed.</summary>
    public static void CleanUp(string models)
    {
        foreach (var gone in Directory.GetDirectories(models, "*.gone").Concat(Directory.GetDirectories(models).SelectMany(model => Directory.GetDirectories(model, "*.gone"))).ToArray())
        {
            Directory.Delete(gone, recursive: true);
        }
    }

    /// <summary>Writes where a version comes from beside its files.</summary>
    public static void WriteLineage(string folder, ModelLineage lineage) =>
        File.WriteAllText(Path.Combine(folder, LineageFile), new JsonFormatter(JsonFormatter.Settings.Default.WithIndentation()).Format(lineage));

    /// <summary>Where a version comes from, or null.</summary>
    public static ModelLineage? LineageOf(string folder)
    {
        var path = Path.Combine(folder, LineageFile);
        try
        {
            return File.Exists(path) ? JsonParser.Default.Parse<ModelLineage>(File.ReadAllText(path)) : null;
        }
        catch (Exception damaged) when (damaged is InvalidProtocolBufferException or InvalidJsonException)
        {
            return null;
        }
    }

    private void Write(Index index)
    {
        DurableFile.Write(Path.Combine(_path, IndexFile), JsonSerializer.SerializeToUtf8Bytes(index, Json));
        _index = index;
    }

    private sealed record Index
    {
        public int Last { get; init; }

        public SortedDictionary<string, int> Aliases { get; init; } = new(StringComparer.Ordinal);

        public TrafficPolicy? Traffic { get; init; }
    }
}
