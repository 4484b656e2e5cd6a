using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistillGrpc.Modeling.T5;

/// <summary>Hugging Face's <c>config.json</c> of a T5.</summary>
public static class T5ConfigFile
{
    /// <summary>Longest file that is read, in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    private static readonly (string Name, T5Activation Activation)[] Activations =
        [("relu", T5Activation.Relu), ("gelu_new", T5Activation.GeluNew), ("gelu", T5Activation.Gelu), ("silu", T5Activation.Silu)];

    /// <summary>Reads a configuration that transformers 4 or 5 wrote. Whether the head is tied is decided later, by the weights.</summary>
    /// <exception cref="InvalidDataException">The file is not a T5's, or a value is absurd; the message names it.</exception>
    public static T5Config Read(string path)
    {
        if (new FileInfo(path).Length > MaxBytes)
        {
            throw new InvalidDataException($"config.json: longer than {MaxBytes} bytes.");
        }

        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { MaxDepth = 32 });
            return Parse(json.RootElement);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException("config.json: not a T5's configuration: " + error.Message, error);
        }
    }

    /// <summary>
    /// The configuration as transformers 4 means it: an untied head has both <c>tie_word_embeddings</c> and
    /// <c>scale_decoder_outputs</c> false, which transformers 5 reads in the same way.
    /// </summary>
    public static string Write(T5Config config) => new JsonObject
    {
        ["architectures"] = new JsonArray(config.ModelType == "mt5" ? "MT5ForConditionalGeneration" : "T5ForConditionalGeneration"),
        ["model_type"] = config.ModelType,
        ["is_encoder_decoder"] = true,
        ["vocab_size"] = config.VocabularySize,
        ["d_model"] = config.ModelSize,
        ["d_kv"] = config.HeadSize,
        ["d_ff"] = config.FeedForwardSize,
        ["num_layers"] = config.EncoderLayers,
        ["num_decoder_layers"] = config.DecoderLayers,
        ["num_heads"] = config.Heads,
        ["relative_attention_num_buckets"] = config.RelativeBuckets,
        ["relative_attention_max_distance"] = config.RelativeMaxDistance,
        ["dropout_rate"] = config.Dropout,
        ["layer_norm_epsilon"] = config.LayerNormEpsilon,
        ["initializer_factor"] = config.InitializerFactor,
        ["feed_forward_proj"] = (config.Gated ? "gated-" : "") + (config is { Gated: true, Activation: T5Activation.GeluNew } ? "gelu" : NameOf(config.Activation)),
        ["dense_act_fn"] = NameOf(config.Activation),
        ["is_gated_act"] = config.Gated,
        ["tie_word_embeddings"] = config.TiedHead,
        ["scale_decoder_outputs"] = config.ScaleDecoderOutputs,
        ["pad_token_id"] = config.PadId,
        ["eos_token_id"] = config.EosId,
        ["decoder_start_token_id"] = config.DecoderStartId,
        ["use_cache"] = true,
    }.ToJsonString(new JsonSerializerOptions { WriteIndented = true });

    private static string NameOf(T5Activation activation) => Activations.First(known => known.Activation == activation).Name;

    private static T5Config Parse(JsonElement json)
    {
        var type = Text(json, "model_type", "t5");
        if (type is not ("t5" or "mt5"))
        {
            throw new InvalidDataException($"config.json: model_type '{type}' is not a T5; t5 and mt5 are.");
        }

        var (activation, gated) = ActivationOf(Text(json, "feed_forward_proj", type == "mt5" ? "gated-gelu" : "relu"));
        var layers = Integer(json, "num_layers", 6, 1, 1024);
        var tied = Flag(json, "tie_word_embeddings", type == "t5");
        var vocabulary = Integer(json, "vocab_size", null, 4, 10_000_000);
        var buckets = Integer(json, "relative_attention_num_buckets", 32, 4, 4096);
        var distance = Integer(json, "relative_attention_max_distance", 128, 8, 1 << 20);
        if (buckets % 4 != 0 || distance <= buckets / 2)
        {
            throw new InvalidDataException($"config.json: {buckets} relative position buckets do not go with a largest distance of {distance}: buckets come in fours, and the distance exceeds half of them.");
        }

        return new T5Config
        {
            ModelType = type,
            VocabularySize = vocabulary,
            ModelSize = Integer(json, "d_model", null, 1, 1 << 20),
            HeadSize = Integer(json, "d_kv", null, 1, 1 << 16),
            FeedForwardSize = Integer(json, "d_ff", null, 1, 1 << 22),
            EncoderLayers = layers,
            DecoderLayers = Integer(json, "num_decoder_layers", layers, 1, 1024),
            Heads = Integer(json, "num_heads", null, 1, 4096),
            RelativeBuckets = buckets,
            RelativeMaxDistance = distance,
            Dropout = Number(json, "dropout_rate", 0.1, 0, 0.999),
            LayerNormEpsilon = Number(json, "layer_norm_epsilon", 1e-6, 1e-12, 1),
            InitializerFactor = Number(json, "initializer_factor", 1, 1e-6, 1e3),
            Activation = activation,
            Gated = gated,
            TiedHead = tied,
            ScaleDecoderOutputs = Flag(json, "scale_decoder_outputs", tied),
            PadId = Integer(json, "pad_token_id", 0, 0, vocabulary - 1),
            EosId = Integer(json, "eos_token_id", 1, 0, vocabulary - 1),
            DecoderStartId = Integer(json, "decoder_start_token_id", 0, 0, vocabulary - 1),
        };
    }

    // "gated-gelu" means the tanh approximation: transformers kept the name for the first v1.1 checkpoints.
    private static (T5Activation Activation, bool Gated) ActivationOf(string projection)
    {
        var gated = projection.StartsWith("gated-", StringComparison.Ordinal);
        var name = projection == "gated-gelu" ? "gelu_new" : gated ? projection["gated-".Length..] : projection;
        return Activations.Any(known => known.Name == name)
            ? (Activations.First(known => known.Name == name).Activation, gated)
            : throw new InvalidDataException($"config.json: feed_forward_proj '{projection}' is not known.");
    }

    private static JsonElement? Value(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static string Text(JsonElement json, string name, string absent) => Value(json, name)?.GetString() ?? absent;

    private static bool Flag(JsonElement json, string name, bool absent) => Value(json, name)?.GetBoolean() ?? absent;

    private static int Integer(JsonElement json, string name, int? absent, int low, int high)
    {
        var value = Value(json, name)?.GetInt32() ?? absent ?? throw new InvalidDataException($"config.json: {name} is missing.");
        return value >= low && value <= high
            ? value
            : throw new InvalidDataException($"config.json: {name} is {value}; it must lie between {low} and {high}.");
    }

    private static double Number(JsonElement json, string name, double absent, double low, double high)
    {
        var value = Value(json, name)?.GetDouble() ?? absent;
        return value >= low && value <= high
            ? value
            : throw new InvalidDataException($"config.json: {name} is {value}; it must lie between {low} and {high}.");
    }
}
