using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>Versions of a model, their aliases and their files.</summary>
public sealed class ModelVersionTests : IAsyncLifetime
{
    private readonly RunningPair _pair = new();
    private readonly TemporaryFolder _folder = new();

    public async Task InitializeAsync()
    {
        await _pair.InitializeAsync();
        await TrainAsync("x", seed: 1);
    }

    public async Task DisposeAsync()
    {
        await _pair.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Train_IdThatIsThere_MakesAVersionThatAnswersUnderItsAliasAndBringsTheOldOneBack()
    {
        var first = await AskAsync("models/x");
        await TrainAsync("x", seed: 2, "canary");

        Assert.Equal(first.Label.Text, (await AskAsync("models/x")).Label.Text);
        Assert.Equal("models/x/versions/2", (await AskAsync("models/x@canary")).Model);
        await _pair.Models.SetAliasAsync("models/x/versions/2", "stable");
        Assert.Equal("models/x/versions/2", (await AskAsync("models/x")).Model);
        var unloaded = await Assert.ThrowsAsync<RpcException>(() => AskAsync("models/x/versions/1"));
        var back = await _pair.Models.SetAliasAsync("models/x/versions/1", "stable");

        Assert.Equal((StatusCode.FailedPrecondition, "VERSION_UNLOADED"), (unloaded.StatusCode, RpcErrors.Reason(unloaded)));
        Assert.Equal([("canary", 2), ("stable", 1)], back.Aliases.Select(alias => (alias.Key, alias.Value)).Order());
        Assert.Equal([ModelState.Serving, ModelState.Serving], back.Versions.Select(version => version.State));
        Assert.Equal(("models/x/versions/1", first.Label.Text), ((await AskAsync("models/x")).Model, (await AskAsync("models/x")).Label.Text));
        await RestartAsync();
        Assert.Equal(("models/x/versions/1", "models/x/versions/2"), ((await AskAsync("models/x")).Model, (await AskAsync("models/x@canary")).Model));
    }

    [Fact]
    public async Task SetAlias_UnderLoad_FailsNoRequest()
    {
        await TrainAsync("x", seed: 2, "other");
        using var stop = new CancellationTokenSource();
        var asking = Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            var answered = new HashSet<string>(StringComparer.Ordinal);
            while (!stop.IsCancellationRequested)
            {
                answered.Add((await AskAsync("models/x")).Model);
            }

            return answered;
        }));

        for (var i = 0; i < 10; i++)
        {
            await _pair.Models.SetAliasAsync($"models/x/versions/{1 + (i % 2)}", "stable");
        }

        await stop.CancelAsync();
        Assert.Equal(["models/x/versions/1", "models/x/versions/2"], (await asking).SelectMany(answered => answered).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task SetAlias_VersionThatIsDamaged_LeavesTheOldOneAnswering()
    {
        await TrainAsync("x", seed: 2, "canary");
        await _pair.Models.DeleteAliasAsync("models/x", "canary");
        File.WriteAllText(Path.Combine(_pair.State, "models", "x", "2", "config.json"), "{");

        var refused = await Assert.ThrowsAsync<RpcException>(() => _pair.Models.SetAliasAsync("models/x/versions/2", "stable"));
        var missing = await Assert.ThrowsAsync<RpcException>(() => _pair.Models.SetAliasAsync("models/x/versions/3", "stable"));

        Assert.Equal((StatusCode.FailedPrecondition, "MODEL_FAILED"), (refused.StatusCode, RpcErrors.Reason(refused)));
        Assert.Contains("config.json", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Equal((StatusCode.NotFound, "VERSION_NOT_FOUND"), (missing.StatusCode, RpcErrors.Reason(missing)));
        Assert.Equal("models/x/versions/1", (await AskAsync("models/x")).Model);
    }

    [Fact]
    public async Task Delete_VersionWithAnAlias_IsRefusedAndOneWithoutIsGoneAndItsNumberIsNotGivenAgain()
    {
        await TrainAsync("x", seed: 2, "canary");
        var kept = await Assert.ThrowsAsync<RpcException>(() => _pair.Models.DeleteVersionAsync("models/x/versions/2"));
        await _pair.Models.DeleteAliasAsync("models/x", "canary");
        await _pair.Models.DeleteVersionAsync("models/x/versions/2");
        await TrainAsync("x", seed: 3, "canary");

        Assert.Equal((StatusCode.FailedPrecondition, "VERSION_HAS_ALIAS"), (kept.StatusCode, RpcErrors.Reason(kept)));
        Assert.Equal(["models/x/versions/3", "models/x/versions/1"], (await _pair.Models.GetAsync("models/x")).Versions.Select(version => version.Name));
        await _pair.Models.DeleteAsync("models/x");
        Assert.Empty(await _pair.Models.ListAsync());
        Assert.False(Directory.Exists(Path.Combine(_pair.State, "models", "x")));
    }

    [Fact]
    public async Task DownloadThenUpload_AFolder_IsTheSameStudentUnderAnotherName()
    {
        var folder = Path.Combine(_folder.Path, "files");

        Assert.Equal("models/x/versions/1", await _pair.Models.DownloadAsync("models/x", folder));
        var uploaded = await _pair.Models.UploadAsync("models/copy", folder);

        Assert.Equal("models/copy/versions/1", uploaded.Version);
        Assert.Equal(File.ReadAllBytes(Path.Combine(_pair.State, "models", "x", "1", "model.safetensors")), File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.Equal((await AskAsync("models/x")).Label.Text, (await AskAsync("models/copy")).Label.Text);
        Assert.Equal(ModelState.Serving, uploaded.Model.State);
        await Assert.ThrowsAsync<IOException>(() => _pair.Models.DownloadAsync("models/x", folder));
    }

    [Theory]
    [InlineData("pickle", StatusCode.FailedPrecondition, "MODEL_FAILED")]
    [InlineData("path", StatusCode.InvalidArgument, "INVALID_FIELD")]
    [InlineData("twice", StatusCode.InvalidArgument, "INVALID_FIELD")]
    [InlineData("hash", StatusCode.InvalidArgument, "INVALID_FIELD")]
    [InlineData("open", StatusCode.InvalidArgument, "INVALID_FIELD")]
    [InlineData("nothing", StatusCode.InvalidArgument, "INVALID_FIELD")]
    public async Task Upload_FilesThatCannotBe_AreRefusedAndLeaveNothing(string how, StatusCode code, string reason)
    {
        var piece = new FilePiece { Name = "model.safetensors", Data = Google.Protobuf.ByteString.CopyFromUtf8("x"), Sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" };
        FilePiece[] pieces = how switch
        {
            "path" => [new FilePiece(piece) { Name = "../model.safetensors" }],
            "twice" => [piece, piece],
            "hash" => [new FilePiece(piece) { Sha256 = new string('0', 64) }],
            "open" => [new FilePiece(piece) { Sha256 = "" }],
            "nothing" => [],
            _ => [piece],
        };
        var requests = pieces.Select(sent => new UploadModelRequest { Piece = sent }).Prepend(new UploadModelRequest { Version = new NewModelVersion { Model = "models/bad" } });
        var client = new ModelService.ModelServiceClient(_pair.Channel);

        var refused = await Assert.ThrowsAsync<RpcException>(() => UploadCall.RunAsync(_ => client.UploadModel(), requests.ToAsyncEnumerable(), CancellationToken.None));

        Assert.Equal((code, reason), (refused.StatusCode, RpcErrors.Reason(refused)));
        Assert.Equal(["models/x"], (await _pair.Models.ListAsync()).Select(model => model.Name));
        Assert.Empty(Directory.GetDirectories(Path.Combine(_pair.State, "unfinished")));
        Assert.Equal(["x"], Directory.GetDirectories(Path.Combine(_pair.State, "models")).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("models/x/", "name")]
    [InlineData("models/x@", "name")]
    [InlineData("models/x/versions/0", "name")]
    [InlineData("models/../x", "name")]
    [InlineData("x", "name")]
    public async Task Get_NameThatIsNone_IsRefused(string name, string field)
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => _pair.Models.GetAsync(name));

        Assert.Equal((StatusCode.InvalidArgument, field), (refused.StatusCode, RpcErrors.Field(refused)));
    }

    private async Task<PredictResponse> AskAsync(string model) => await _pair.Inference.PredictAsync(new PredictRequest { Model = model, Segments = { "Question 3?" }, MaxOutputTokens = 6 });

    private async Task RestartAsync()
    {
        await _pair.StopStudentAsync();
        await _pair.StartStudentAsync();
        for (var i = 0; i < 3000 && !await IsServedAsync(); i++)
        {
            await Task.Delay(20);
        }

        async Task<bool> IsServedAsync()
        {
            try
            {
                return (await _pair.Models.GetAsync("models/x")).Versions.All(version => version.State == ModelState.Serving);
            }
            catch (RpcException early) when (early.StatusCode == StatusCode.NotFound)
            {
                // The service listens before it has looked at its models.
                return false;
            }
        }
    }

    private async Task TrainAsync(string id, long seed, string alias = "")
    {
        var rows = Enumerable.Range(0, 20).Select(i => new Example { Id = $"{i}", Label = i % 2 == 0 ? "yes" : "no", Segments = { $"Question {i}?" } });
        var spec = new TrainingSpec { ModelId = id, Alias = alias, Preset = "micro", Steps = 2, Seed = seed, Mode = TrainingMode.LabelOnly };
        await _pair.Training.TrainAsync(spec, rows.ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>()).ToListAsync();
    }
}
