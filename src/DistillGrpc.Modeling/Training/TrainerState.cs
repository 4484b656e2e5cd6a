using System.Security.Cryptography;
using System.Text.Json;
using DistillGrpc.Modeling.Checkpoints;
using DistillGrpc.Modeling.T5;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// A training run in a folder: parameters and optimiser as safetensors, the rest as JSON with the checksums of all. A run that is
/// loaded from it goes on as if nothing had happened.
/// </summary>
public static class TrainerState
{
    private const string ParametersFile = "parameters.safetensors";
    private const string OptimizerFile = "optimizer.safetensors";
    private const string StateFile = "state.json";
    private const int MaxStateBytes = 64 << 20;

    /// <summary>Saves a run, with the state of this thread's dropout generator where it has one. The folder appears whole or not at all.</summary>
    /// <param name="directory">A folder that is not there yet; another beside it, with <c>.tmp</c> behind its name, is written first.</param>
    /// <param name="trainer">The run's trainer.</param>
    /// <param name="position">Where the run stands.</param>
    /// <exception cref="IOException">The folder is there already, or cannot be written.</exception>
    public static void Save(string directory, DistillationTrainer trainer, TrainerPosition position)
    {
        var temporary = Path.TrimEndingDirectorySeparator(directory) + ".tmp";
        if (Directory.Exists(temporary))
        {
            Directory.Delete(temporary, recursive: true);
        }

        Directory.CreateDirectory(temporary);
        SafetensorsWriter.Write(Path.Combine(temporary, ParametersFile), Tensors(trainer));
        SafetensorsWriter.Write(Path.Combine(temporary, OptimizerFile), trainer.Optimizer.State);
        var content = new Content
        {
            Position = position,
            Dropout = T5Dropout.Generator is null ? null : T5Dropout.SaveState(),
            Files = new[] { ParametersFile, OptimizerFile }.ToDictionary(file => file, file => Checksum(Path.Combine(temporary, file))),
        };
        using (var file = File.Create(Path.Combine(temporary, StateFile)))
        {
            JsonSerializer.Serialize(file, content with { Checksum = Checksum(content) });
            file.Flush(flushToDisk: true);
        }

        Directory.Move(temporary, directory);
    }

    /// <summary>Puts a trainer, its optimiser and this thread's dropout generator where they were saved. Nothing is changed where a file is refused for its checksum.</summary>
    /// <returns>Where the run stood; its samplers' states are for the caller to restore.</returns>
    /// <exception cref="InvalidDataException">A file is missing, damaged, or of another model or optimiser; the message names it.</exception>
    /// <exception cref="InvalidOperationException">The run had a dropout generator and this thread has none.</exception>
    public static TrainerPosition Load(string directory, DistillationTrainer trainer)
    {
        using var scope = NewDisposeScope();
        var content = Read(directory);
        if (content.Dropout is not null && T5Dropout.Generator is null)
        {
            throw new InvalidOperationException("The run drew its dropout from a generator of its own, and this thread has none.");
        }

        foreach (var file in new[] { ParametersFile, OptimizerFile })
        {
            if (!File.Exists(Path.Combine(directory, file)) || content.Files.GetValueOrDefault(file) != Checksum(Path.Combine(directory, file)))
            {
                throw new InvalidDataException($"{file} is missing or damaged: it is not what was saved.");
            }
        }

        Restore(ParametersFile, ReadTensors(directory, ParametersFile), saved => OptimizedParameters.Copy(saved, Tensors(trainer)));
        Restore(OptimizerFile, ReadTensors(directory, OptimizerFile), trainer.Optimizer.Restore);
        trainer.Refresh();
        if (content.Dropout is not null)
        {
            T5Dropout.RestoreState(content.Dropout);
        }

        return content.Position;
    }

    private static Dictionary<string, Tensor> Tensors(DistillationTrainer trainer) =>
        trainer.Parameters.ToDictionary(named => named.Name, named => (Tensor)named.Parameter);

    private static void Restore(string file, Dictionary<string, Tensor> saved, Action<IReadOnlyDictionary<string, Tensor>> restore)
    {
        try
        {
            restore(saved);
        }
        catch (InvalidDataException other)
        {
            throw new InvalidDataException($"{file}: {other.Message}", other);
        }
    }

    private static Dictionary<string, Tensor> ReadTensors(string directory, string file)
    {
        using var reader = SafetensorsReader.Open(Path.Combine(directory, file));
        return reader.Entries.Keys.ToDictionary(name => name, reader.Read);
    }

    private static Content Read(string directory)
    {
        var file = new FileInfo(Path.Combine(directory, StateFile));
        try
        {
            if (file is { Exists: true, Length: <= MaxStateBytes } && JsonSerializer.Deserialize<Content>(File.ReadAllBytes(file.FullName)) is { } content
                && content.Checksum == Checksum(content with { Checksum = "" }))
            {
                return content;
            }
        }
        catch (JsonException damage)
        {
            throw new InvalidDataException($"{StateFile} is damaged: it is no JSON of this kind.", damage);
        }

        throw new InvalidDataException($"{StateFile} is missing or damaged: it is not what was saved.");
    }

    private static string Checksum(Content content) => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(content)));

    private static string Checksum(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    // The checksum is that of the same content with an empty checksum.
    private sealed record Content
    {
        public string Checksum { get; init; } = "";

        public required TrainerPosition Position { get; init; }

        public required byte[]? Dropout { get; init; }

        public required IReadOnlyDictionary<string, string> Files { get; init; }
    }
}
