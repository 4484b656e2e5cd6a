using System.Text.Json.Nodes;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;
using Grpc.Health.V1;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>What lies in a model's folder, and what is made from it.</summary>
public sealed class ModelFolderTests : IAsyncLifetime
{
    private readonly RunningPair _pair = new();
    private readonly TemporaryFolder _folder = new();

    public async Task InitializeAsync()
    {
        await _pair.InitializeAsync();
        await TrainAsync(new TrainingSpec { ModelId = "good", Preset = "micro", Steps = 2 });
    }

    public async Task DisposeAsync()
    {
        await _pair.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("pickle", "model.safetensors")]
    [InlineData("eos", "The tokenizer ends with id 1, config.json says 7.")]
    [InlineData("pad", "The tokenizer pads with id 0, config.json says 9.")]
    [InlineData("distance", "config.json: 32 relative position buckets")]
    [InlineData("card", "distill.json: ")]
    [InlineData("no tokenizer", "There is no tokenizer")]
    public async Task Load_FolderThatContradictsItself_IsRefusedWithTheReasonByServingAndTraining(string how, string reason)
    {
        var bad = Copy("bad");
        switch (how)
        {
            case "pickle":
                File.WriteAllBytes(Path.Combine(bad, "model.safetensors"), [0x80, 2, 0x63, 0x63, 0, 0, 0, 0, 0, 0]);
                break;
            case "no tokenizer":
                File.Delete(Path.Combine(bad, "spiece.model"));
                File.Delete(Path.Combine(bad, "tokenizer.json"));
                break;
            default:
                var (file, key, value) = how switch
                {
                    "eos" => ("config.json", "eos_token_id", 7),
                    "pad" => ("config.json", "pad_token_id", 9),
                    "distance" => ("config.json", "relative_attention_max_distance", 8),
                    _ => ("distill.json", "max_input_tokens", 2_000_000_000),
                };
                var json = JsonNode.Parse(File.ReadAllText(Path.Combine(bad, file)))!;
                json[key] = value;
                File.WriteAllText(Path.Combine(bad, file), json.ToJsonString());
                break;
        }

        await RestartAsync($"--Models:bad={bad}");
        var model = (await _pair.Models.ListAsync()).Single(model => model.Name == "models/bad");
        var predict = await Assert.ThrowsAsync<RpcException>(() => _pair.Inference.PredictAsync(new PredictRequest { Model = "models/bad", Segments = { "x" } }));
        var train = await Assert.ThrowsAsync<RpcException>(() => TrainAsync(new TrainingSpec { ModelId = "child", BaseModel = "models/bad", Steps = 1 }));

        Assert.Equal(ModelState.Failed, model.State);
        Assert.Contains(reason, model.Failure, StringComparison.Ordinal);
        foreach (var refused in new[] { predict, train })
        {
            Assert.Equal((StatusCode.FailedPrecondition, "MODEL_FAILED"), (refused.StatusCode, RpcErrors.Reason(refused)));
            Assert.Contains(reason, refused.Status.Detail, StringComparison.Ordinal);
            Assert.DoesNotContain(_folder.Path, refused.Status.Detail, StringComparison.Ordinal);
        }

        Assert.NotNull(await _pair.Inference.PredictAsync(new PredictRequest { Model = "models/good", Segments = { "x" }, MaxOutputTokens = 1 }));
    }

    [Fact]
    public async Task Load_LinkInTheStateDirectory_IsNotFollowed()
    {
        Directory.CreateSymbolicLink(Path.Combine(_pair.State, "models", "linked"), Copy("elsewhere"));
        var holds = Copy("holds", Path.Combine(_pair.State, "models"));
        File.Move(Path.Combine(holds, "model.safetensors"), Path.Combine(_folder.Path, "model.safetensors"));
        File.CreateSymbolicLink(Path.Combine(holds, "model.safetensors"), Path.Combine(_folder.Path, "model.safetensors"));

        await RestartAsync();

        Assert.Equal(["models/good"], (await _pair.Models.ListAsync()).Select(model => model.Name));
    }

    [Fact]
    public async Task Train_WithDropoutFromABaseModelTwoAtOnce_MakesTheSameStudentBySeed()
    {
        TrainingSpec Spec(string id, long seed) => new() { ModelId = id, BaseModel = "models/good", Steps = 30, Dropout = 0.2, Seed = seed, LearningRate = 1e-3 };
        await Task.WhenAll(TrainAsync(Spec("one", 5)), TrainAsync(Spec("two", 5)));
        await Task.WhenAll(TrainAsync(Spec("three", 6)), TrainAsync(Spec("dry", 5), dropout: 0));

        byte[] Weights(string id) => File.ReadAllBytes(Path.Combine(_pair.State, "models", id, "1", "model.safetensors"));
        Assert.Equal(Weights("one"), Weights("two"));
        Assert.NotEqual(Weights("one"), Weights("three"));
        Assert.NotEqual(Weights("one"), Weights("dry"));
    }

    [Fact]
    public async Task Train_OnePrefixGiven_TheOtherIsTheDefaultAndEqualOnesAreRefused()
    {
        await TrainAsync(new TrainingSpec { ModelId = "prefixed", Preset = "micro", Steps = 1, Prefixes = new TaskPrefixes { Label = "predict: " } });
        var prefixes = (await _pair.Models.ListAsync()).Single(model => model.Name == "models/prefixed").Prefixes;
        Assert.Equal(("predict: ", "[rationale] "), (prefixes.Label, prefixes.Rationale));

        var refused = await Assert.ThrowsAsync<RpcException>(() => TrainAsync(new TrainingSpec { ModelId = "x", Preset = "micro", Prefixes = new TaskPrefixes { Label = "a", Rationale = "a" } }));
        Assert.Equal("spec.prefixes.rationale", RpcErrors.Field(refused));
    }

    [Fact]
    public async Task Train_TaskDistillation_AsksTheTeacherForLabelsAloneAndKeepsThoseThatRowsHave()
    {
        Example[] rows =
        [
            new() { Id = "asked", Segments = { "Mia has 20 apples. Mia loses 3 apples. How many apples does Mia have now?" } },
            new() { Id = "has one", TeacherLabel = "greeting", Segments = { "hello" } },
            new() { Id = "has none", Segments = { "The teacher cannot read this." } },
        ];
        var spec = new TrainingSpec { ModelId = "task", Preset = "micro", Steps = 1, Mode = TrainingMode.LabelOnly, LabelSource = LabelSource.Teacher, Teacher = new TeacherSource() };

        var events = await _pair.Training.TrainAsync(spec, rows.ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>()).ToListAsync();

        Assert.Equal((2, 2, 0), (events.Single(e => e.Result is not null).Result.TeacherRows, events.Single(e => e.Started is not null).Started.LabelRows, events.Single(e => e.Started is not null).Started.RationaleRows));
        Assert.Contains("no label to 1 of 2", events.Single(e => e.Warning is not null).Warning.Message, StringComparison.Ordinal);
    }

    private async Task RestartAsync(params string[] settings)
    {
        await _pair.StopStudentAsync();
        await _pair.StartStudentAsync(settings);
        using var watch = new Health.HealthClient(_pair.Channel).Watch(new HealthCheckRequest());
        while (await watch.ResponseStream.MoveNext(CancellationToken.None) && watch.ResponseStream.Current.Status != HealthCheckResponse.Types.ServingStatus.Serving)
        {
        }
    }

    private string Copy(string name, string? where = null)
    {
        var copy = Directory.CreateDirectory(Path.Combine(where ?? _folder.Path, name)).FullName;
        foreach (var file in Directory.GetFiles(Path.Combine(_pair.State, "models", "good", "1")))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        return copy;
    }

    private async Task TrainAsync(TrainingSpec spec, double? dropout = null)
    {
        if (dropout is { } value)
        {
            spec.Dropout = value;
        }

        var rows = Enumerable.Range(0, 20).Select(i => new Example { Id = $"{i}", Label = i % 2 == 0 ? "yes" : "no", Rationale = "It is so.", Segments = { $"Question {i}?" } });
        await _pair.Training.TrainAsync(spec, rows.ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>()).ToListAsync();
    }
}
