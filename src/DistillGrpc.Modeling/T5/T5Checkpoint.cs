using DistillGrpc.Modeling.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>A T5 in a Hugging Face directory: <c>config.json</c> and <c>model.safetensors</c>.</summary>
public static class T5Checkpoint
{
    /// <summary>The weights' file.</summary>
    public const string WeightsFile = "model.safetensors";

    /// <summary>The configuration's file.</summary>
    public const string ConfigFile = "config.json";

    private const string Head = "lm_head.weight";
    private const string Shared = "shared.weight";

    /// <summary>Loads what transformers 4 or 5 saved, or <see cref="Save"/>; ready to serve, that is without dropout.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="type">float32 (default) or bfloat16; the weights are converted.</param>
    /// <param name="dropout">Dropout while training, in place of the configuration's.</param>
    /// <exception cref="InvalidDataException">A file is missing, damaged, or contradicts another; the message says which and why.</exception>
    public static T5Model Load(string directory, ScalarType type = ScalarType.Float32, double? dropout = null)
    {
        using var scope = NewDisposeScope();
        var config = T5ConfigFile.Read(Require(directory, ConfigFile));
        using var file = SafetensorsReader.Open(Require(directory, WeightsFile));
        if (!file.Entries.TryGetValue(Shared, out var shared) || shared.Shape is not [var rows, var width]
            || rows != config.VocabularySize || width != config.ModelSize)
        {
            throw new InvalidDataException($"{WeightsFile}: {Shared} is missing or is not what config.json says ({config.VocabularySize} x {config.ModelSize}).");
        }

        config = DecideHead(config, file);
        RequireShapes(config, file);
        config = config with { Dropout = dropout ?? config.Dropout };
        var model = new T5Model(config);
        try
        {
            Fill(model, file);
            model.to(type);
            model.eval();
            model.LeaveDisposeScope();
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Saves a model so that transformers 4 and 5 load it. Each file is written whole or not at all.</summary>
    public static void Save(T5Model model, string directory)
    {
        Directory.CreateDirectory(directory);
        SafetensorsWriter.Write(
            Path.Combine(directory, WeightsFile),
            model.named_parameters().ToDictionary(pair => pair.name, pair => (Tensor)pair.parameter));
        var path = Path.Combine(directory, ConfigFile);
        File.WriteAllText(path + ".tmp", T5ConfigFile.Write(model.Config));
        File.Move(path + ".tmp", path, overwrite: true);
    }

    private static string Require(string directory, string file)
    {
        var path = Path.Combine(directory, file);
        return File.Exists(path)
            ? path
            : throw new InvalidDataException($"{file} is missing. (Weights must be in safetensors; pickle files are not read.)");
    }

    // The file decides, not the configuration: transformers 5 writes tie_word_embeddings true for every T5.
    private static T5Config DecideHead(T5Config config, SafetensorsReader file)
    {
        var tied = !file.Entries.ContainsKey(Head) || SameTensor(file, Head, Shared);
        return config with { TiedHead = tied };
    }

    private static bool SameTensor(SafetensorsReader file, string first, string second)
    {
        using var scope = NewDisposeScope();
        var (a, b) = (file.Read(first), file.Read(second));
        return a.dtype == b.dtype && a.shape.SequenceEqual(b.shape) && a.bytes.SequenceEqual(b.bytes);
    }

    // Before any memory is taken for the model: what config.json promises must be in the file, so that memory is bounded by it.
    private static void RequireShapes(T5Config config, SafetensorsReader file)
    {
        long inner = (long)config.Heads * config.HeadSize;
        for (var i = 0; i < config.EncoderLayers + config.DecoderLayers; i++)
        {
            var (stack, feedForward) = i < config.EncoderLayers ? ($"encoder.block.{i}", 1) : ($"decoder.block.{i - config.EncoderLayers}", 2);
            RequireShape(file, $"{stack}.layer.0.SelfAttention.q.weight", inner, config.ModelSize);
            RequireShape(file, $"{stack}.layer.{feedForward}.DenseReluDense.wo.weight", config.ModelSize, config.FeedForwardSize);
        }
    }

    private static void RequireShape(SafetensorsReader file, string name, params long[] shape)
    {
        if (!file.Entries.TryGetValue(name, out var entry) || !entry.Shape.SequenceEqual(shape))
        {
            throw new InvalidDataException($"{WeightsFile}: tensor '{name}' is missing or is not of shape ({string.Join(", ", shape)}), as config.json says.");
        }
    }

    private static void Fill(T5Model model, SafetensorsReader file)
    {
        using var noGradient = no_grad();
        var parameters = model.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
        foreach (var (name, parameter) in parameters)
        {
            RequireShape(file, name, parameter.shape);
            using var read = file.Read(name);
            parameter.copy_(read);
            using var isFinite = parameter.isfinite().all();
            if (!isFinite.item<bool>())
            {
                throw new InvalidDataException($"{WeightsFile}: tensor '{name}' holds numbers that are not finite.");
            }
        }

        // Copies of the embedding, the tied head, and a bias that old exports carry in the wrong attention.
        var extra = file.Entries.Keys.FirstOrDefault(name => !parameters.ContainsKey(name)
            && name is not (Head or "encoder.embed_tokens.weight" or "decoder.embed_tokens.weight")
            && !name.EndsWith("EncDecAttention.relative_attention_bias.weight", StringComparison.Ordinal));
        if (extra is not null)
        {
            throw new InvalidDataException($"{WeightsFile}: tensor '{extra}' belongs to no T5 of this configuration.");
        }
    }
}
