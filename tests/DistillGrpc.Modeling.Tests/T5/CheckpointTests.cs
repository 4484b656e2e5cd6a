using System.Text.Json.Nodes;
using DistillGrpc.Modeling.Checkpoints;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.T5;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.T5;

public sealed class CheckpointTests
{
    private static readonly string Fixture = Path.Combine(AppContext.BaseDirectory, "Fixtures", "t5v11-tiny-test", "checkpoint");

    [Theory]
    [InlineData("d_ff", 4_000_000, "wo.weight")]
    [InlineData("d_kv", 60_000, "q.weight")]
    [InlineData("num_heads", 4096, "q.weight")]
    [InlineData("num_layers", 1000, "encoder.block.")]
    [InlineData("num_decoder_layers", 1000, "decoder.block.")]
    [InlineData("vocab_size", 9_999_999, "shared.weight")]
    [InlineData("d_model", 1_000_000, "shared.weight")]
    [InlineData("num_layers", 2_000_000_000, "num_layers")]
    [InlineData("d_model", -1, "d_model")]
    [InlineData("eos_token_id", 1_000_000, "eos_token_id")]
    [InlineData("decoder_start_token_id", -1, "decoder_start_token_id")]
    [InlineData("dropout_rate", 7, "dropout_rate")]
    [InlineData("feed_forward_proj", "gated-magic", "feed_forward_proj")]
    [InlineData("model_type", "bert", "model_type")]
    [InlineData("d_model", "wide", "config.json")]
    public void Load_ConfigurationThatContradictsTheWeightsOrItself_IsRefusedBeforeMemoryIsTaken(string key, object value, string named)
    {
        using var folder = Copy(config => config[key] = value is string text ? JsonValue.Create(text) : JsonValue.Create((int)value));
        var before = Environment.WorkingSet;

        var refused = Refused(folder);

        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(folder.Path, refused.Message, StringComparison.Ordinal);
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 300 << 20);
    }

    [Theory]
    [InlineData("missing", "decoder.final_layer_norm.weight")]
    [InlineData("extra", "evil.weight")]
    [InlineData("shape", "encoder.final_layer_norm.weight")]
    [InlineData("nan", "not finite")]
    public void Load_WeightsThatAreNotThisModels_AreRefusedAndLeaveNoTensorBehind(string how, string named)
    {
        using var scope = NewDisposeScope();
        using var folder = Copy();
        var path = Path.Combine(folder.Path, T5Checkpoint.WeightsFile);
        var tensors = Read(path);
        switch (how)
        {
            case "missing":
                tensors.Remove("decoder.final_layer_norm.weight");
                break;
            case "extra":
                tensors["evil.weight"] = ones(2);
                break;
            case "shape":
                tensors["encoder.final_layer_norm.weight"] = ones(1);
                break;
            default:
                tensors["encoder.final_layer_norm.weight"][0] = float.NaN;
                break;
        }

        SafetensorsWriter.Write(path, tensors);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        Assert.Contains(named, Refused(folder).Message, StringComparison.Ordinal);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Load_PickledWeights_AreRefusedAlsoWhenRenamed()
    {
        using var folder = Copy();
        var path = Path.Combine(folder.Path, T5Checkpoint.WeightsFile);
        File.WriteAllBytes(Path.Combine(folder.Path, "pytorch_model.bin"), [0x80, 2, 0x63]);
        File.Delete(path);
        Assert.Contains("pickle", Refused(folder).Message, StringComparison.Ordinal);

        File.WriteAllBytes(path, [0x80, 2, .. "ccollections\nOrderedDict\nq\0)Rq\u0001."u8.ToArray()]);
        Assert.Contains(T5Checkpoint.WeightsFile, Refused(folder).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SameWeightsCalledMt5_AnswerAlikeAndAreSavedAsMt5()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var folder = Copy(config =>
        {
            config["model_type"] = "mt5";
            config["architectures"] = new JsonArray("MT5ForConditionalGeneration");
            // What an MT5Config leaves out means a gated GELU and a head of its own.
            config.Remove("feed_forward_proj");
            config.Remove("tie_word_embeddings");
        });
        using var t5 = T5Checkpoint.Load(Fixture);
        using var mt5 = T5Checkpoint.Load(folder.Path);
        using var saved = new TemporaryFolder();

        T5Checkpoint.Save(mt5, saved.Path);

        Assert.Equal(Logits(t5), Logits(mt5));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(saved.Path, T5Checkpoint.ConfigFile)))!;
        Assert.Equal(("mt5", "MT5ForConditionalGeneration", "gated-gelu"), ($"{config["model_type"]}", $"{config["architectures"]![0]}", $"{config["feed_forward_proj"]}"));
        using var again = T5Checkpoint.Load(saved.Path);
        Assert.Equal(Logits(t5), Logits(again));
    }

    [Fact]
    public void Save_Byt5Shape_LoadsWithMoreEncoderThanDecoderBlocksAndDecodes()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var config = new T5Config
        {
            VocabularySize = 384,
            ModelSize = 24,
            HeadSize = 8,
            FeedForwardSize = 40,
            EncoderLayers = 3,
            DecoderLayers = 1,
            Heads = 3,
            Activation = T5Activation.GeluNew,
            Gated = true,
            TiedHead = false,
            ScaleDecoderOutputs = false,
            Dropout = 0.1,
        };
        using var model = T5Model.Seeded(config, 3);
        model.eval();
        T5Checkpoint.Save(model, folder.Path);
        using var loaded = T5Checkpoint.Load(folder.Path);

        Assert.Equal(model.Config, loaded.Config);
        Assert.Equal(Logits(model), Logits(loaded));
        Assert.Equal(Written(model, 9), Written(loaded, 9));
    }

    [Theory]
    [InlineData("t5-tiny-test")]
    [InlineData("t5v11-tiny-test")]
    public void Load_AsBfloat16_IsCloseToFloat32AndDecodes(string name)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var folder = Path.Combine(AppContext.BaseDirectory, "Fixtures", name, "checkpoint");
        using var exact = T5Checkpoint.Load(folder);
        using var rounded = T5Checkpoint.Load(folder, ScalarType.BFloat16);
        var (ids, mask) = Input();

        var (expected, actual) = (exact.Encode(ids, mask), rounded.Encode(ids, mask));

        Assert.Equal(ScalarType.BFloat16, actual.dtype);
        // 8 bits of mantissa: a hundredth of the largest value, and not equal.
        Assert.InRange((expected - actual.to(float32)).abs().max().item<float>() / expected.abs().max().item<float>(), 1e-6, 0.03);
        Assert.All(Written(rounded, 6), tokens => Assert.InRange(tokens.Count, 1, 6));
    }

    private static IEnumerable<IReadOnlyList<int>> Written(T5Model model, int maxTokens)
    {
        using var engine = new TorchEngine(model, ownsModel: false);
        return BatchDecoder.Decode(engine, [[12, 5, 8, 1], [7, 1]], new() { MaxTokens = maxTokens }).Select(answers => answers[0].Tokens);
    }

    private static float[] Logits(T5Model model)
    {
        var (ids, mask) = Input();
        using var noGradient = no_grad();
        return model.Decode(model.Encode(ids, mask), mask, tensor(new long[] { 0, 7, 9 }, 1, 3)).data<float>().ToArray();
    }

    private static (Tensor Ids, Tensor Mask) Input() => (tensor(new long[] { 5, 17, 3, 40, 1 }, 1, 5), ones([1, 5], int64));

    private static InvalidDataException Refused(TemporaryFolder folder) => Assert.Throws<InvalidDataException>(() => T5Checkpoint.Load(folder.Path));

    private static Dictionary<string, Tensor> Read(string path)
    {
        using var file = SafetensorsReader.Open(path);
        return file.Entries.Keys.ToDictionary(name => name, file.Read);
    }

    private static TemporaryFolder Copy(Action<JsonObject>? change = null)
    {
        var folder = new TemporaryFolder();
        foreach (var file in Directory.GetFiles(Fixture))
        {
            File.Copy(file, Path.Combine(folder.Path, Path.GetFileName(file)));
        }

        var path = Path.Combine(folder.Path, T5Checkpoint.ConfigFile);
        var config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change?.Invoke(config);
        File.WriteAllText(path, config.ToJsonString());
        return folder;
    }
}
