using System.Text.Json;
using DistillGrpc.Modeling.Checkpoints;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.T5;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.T5;

/// <summary>Against values that Hugging Face transformers computed (Fixtures/, float32, CPU).</summary>
public sealed class ParityTests
{
    private const double Tolerance = 1e-4;
    private static readonly string[] Models = ["t5-tiny-test", "t5v11-tiny-test"];

    public static TheoryData<string, string> ModelsAndCases()
    {
        var data = new TheoryData<string, string>();
        foreach (var model in Models)
        {
            foreach (var name in new[] { "pad", "full", "long", "short", "leftpad" })
            {
                data.Add(model, name);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(ModelsAndCases))]
    public void Forward_EncoderLogitsAndLoss_EqualTheReference(string modelName, string caseName)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var model = Load(modelName);
        var fixture = Case(modelName, caseName);
        using var expected = SafetensorsReader.Open(Fixture(modelName, "cases.safetensors"));
        var mask = Ids(fixture, "attention_mask");

        var encoded = model.Encode(Ids(fixture, "input_ids"), mask);
        var labels = Ids(fixture, "labels");
        var logits = model.Decode(encoded, mask, model.ShiftRight(labels));
        var stride = fixture.TryGetProperty("logits_stride", out var step) && step.ValueKind == JsonValueKind.Number ? step.GetInt32() : 1;
        var compared = logits.index(TensorIndex.Ellipsis, TensorIndex.Slice(null, null, stride));
        compared = stride == 1 || expected.Entries[$"{caseName}.logits"].Shape[2] == compared.shape[2]
            ? compared
            : logits.index(TensorIndex.Colon, TensorIndex.Slice(null, null, stride), TensorIndex.Colon);

        AssertClose(expected.Read($"{caseName}.encoder_last_hidden_state"), encoded);
        Assert.Equal(Ids(fixture, "decoder_input_ids").data<long>().ToArray(), model.ShiftRight(labels).data<long>().ToArray());
        AssertClose(expected.Read($"{caseName}.logits"), compared);
        var loss = fixture.GetProperty("loss").GetDouble();
        Assert.InRange(Math.Abs(T5Model.Loss(logits, labels).item<float>() - loss) / loss, 0, Tolerance);
    }

    [Theory]
    [InlineData("t5-tiny-test")]
    [InlineData("t5v11-tiny-test")]
    public void Backward_EveryGradient_HasTheReferencesNorm(string modelName)
    {
        using var scope = NewDisposeScope();
        using var model = Load(modelName);
        var backward = Cases(modelName).GetProperty("backward");
        var fixture = Case(modelName, backward.GetProperty("case").GetString()!);
        var (mask, labels) = (Ids(fixture, "attention_mask"), Ids(fixture, "labels"));

        T5Model.Loss(model.Decode(model.Encode(Ids(fixture, "input_ids"), mask), mask, model.ShiftRight(labels)), labels).backward();

        var gradients = model.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter.grad);
        Assert.All(backward.GetProperty("grads").EnumerateObject().Where(pair => gradients.ContainsKey(pair.Name)), pair =>
        {
            var norm = pair.Value.GetProperty("norm").GetDouble();
            Assert.InRange(Math.Abs(gradients[pair.Name]!.norm().item<float>() - norm), 0, (Tolerance * norm) + 1e-7);
        });
        Assert.True(gradients.Count >= 45);
        Assert.All(gradients.Keys, name => Assert.True(backward.GetProperty("grads").TryGetProperty(name, out _), name));
    }

    [Theory]
    [InlineData("t5-tiny-test")]
    [InlineData("t5v11-tiny-test")]
    public void Load_WhatTransformers5Saved_AnswersAsItDoes(string modelName)
    {
        using var scope = NewDisposeScope();
        var folder = Fixture("saved-by-transformers-5", modelName);
        using var model = T5Checkpoint.Load(Path.Combine(folder, "checkpoint"));
        var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "expected.json"))).RootElement;
        AssertAnswers(expected, model);

        var again = Directory.CreateTempSubdirectory("t5").FullName;
        T5Checkpoint.Save(model, again);
        using var loaded = T5Checkpoint.Load(again);
        AssertAnswers(expected, loaded);
        Assert.Equal(modelName == "t5-tiny-test", File.ReadAllText(Path.Combine(again, "config.json")).Contains("\"tie_word_embeddings\": true", StringComparison.Ordinal));
        Directory.Delete(again, recursive: true);
    }

    private static void AssertAnswers(JsonElement expected, T5Model model)
    {
        using var noGradient = no_grad();
        var mask = Ids(expected, "attention_mask");
        var logits = model.Decode(model.Encode(Ids(expected, "input_ids"), mask), mask, Ids(expected, "decoder_input_ids"));
        var last = logits.index(TensorIndex.Colon, -1, TensorIndex.Colon);
        var values = expected.GetProperty("logits_last_position");
        var flat = values[0].ValueKind == JsonValueKind.Array ? values.EnumerateArray().SelectMany(row => row.EnumerateArray()) : values.EnumerateArray();
        var reference = flat.Select(value => value.GetSingle()).ToArray();
        AssertClose(tensor(reference), last.reshape(-1).narrow(0, 0, reference.Length));
        var greedy = Rows(expected.GetProperty("greedy_ids"));
        using var engine = new TorchEngine(model, ownsModel: false);
        var ids = Rows(expected.GetProperty("input_ids"))[0].Where((_, i) => Rows(expected.GetProperty("attention_mask"))[0][i] == 1);
        var written = BatchDecoder.Decode(engine, [[.. ids.Select(id => (int)id)]], new() { MaxTokens = greedy[0].Length - 1 })[0][0].Tokens;
        Assert.Equal(greedy[0].Skip(1).Take(written.Count), written.Select(id => (long)id));
    }

    private static void AssertClose(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        var difference = (expected - actual).abs().max().item<float>() / expected.abs().max().item<float>();
        Assert.InRange(difference, 0, Tolerance);
    }

    private static string Fixture(params string[] parts) => Path.Combine([AppContext.BaseDirectory, "Fixtures", .. parts]);

    private static T5Model Load(string model) => T5Checkpoint.Load(Fixture(model, "checkpoint"));

    private static JsonElement Cases(string model) => JsonDocument.Parse(File.ReadAllText(Fixture(model, "cases.json"))).RootElement;

    private static JsonElement Case(string model, string name) => Cases(model).GetProperty("cases").GetProperty(name);

    private static long[][] Rows(JsonElement rows) =>
        rows.EnumerateArray().Select(row => row.EnumerateArray().Select(id => id.GetInt64()).ToArray()).ToArray();

    private static Tensor Ids(JsonElement fixture, string name)
    {
        var rows = Rows(fixture.GetProperty(name));
        return tensor(rows.SelectMany(row => row).ToArray(), rows.Length, rows[0].Length);
    }
}
