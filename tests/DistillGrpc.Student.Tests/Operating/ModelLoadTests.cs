using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Tests.Serving;
using Grpc.Core;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Operating;

/// <summary>Versions that are loaded and unloaded by name; they answer their number.</summary>
public sealed class ModelLoadTests
{
    private const string Second = "models/x/versions/2";

    [Fact]
    public async Task Load_VersionWithoutAnAlias_AnswersUnderItsNameUntilItIsUnloaded()
    {
        await using var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1 });
        var before = await Assert.ThrowsAsync<RpcException>(() => AskAsync(student, Second));
        var loaded = await student.Models.LoadVersionAsync(Second);
        await student.Models.LoadVersionAsync(Second);
        // Neither an alias that comes and goes nor one that moves takes it away.
        await student.Models.SetAliasAsync(Second, "stable");
        await student.Models.SetAliasAsync("models/x/versions/1", "stable");
        var answer = await AskAsync(student, Second);
        var engine = student.Engine(2);
        var unloaded = await student.Models.UnloadVersionAsync(Second);

        Assert.Equal("VERSION_UNLOADED", RpcErrors.Reason(before));
        Assert.Equal((ModelState.Serving, true), (Of(loaded).State, Of(loaded).Pinned));
        Assert.Equal("2", answer.Label.Text);
        Assert.Equal((ModelState.Unloaded, false), (Of(unloaded).State, Of(unloaded).Pinned));
        Assert.True(engine.IsDisposed);
        Assert.Equal("VERSION_UNLOADED", RpcErrors.Reason(await Assert.ThrowsAsync<RpcException>(() => AskAsync(student, Second))));
        Assert.Equal(ModelState.Unloaded, Of(await student.Models.UnloadVersionAsync(Second)).State);
        Assert.Equal("1", (await AskAsync(student, "models/x")).Label.Text);
    }

    [Fact]
    public async Task Unload_WhileItAnswers_WaitsForWhatIsInside()
    {
        await using var student = await VersionedStudent.StartAsync(version => new ScriptedEngine(_ => new string('x', 30)), new() { ["stable"] = 1 });
        await student.Models.LoadVersionAsync(Second);
        using var gate = new Gate();
        var engine = student.Engine(2);
        engine.OnStep = _ => gate.Wait();
        var inside = AskAsync(student, Second);
        await UntilAsync(() => engine.LiveSequences == 1);
        var unloading = student.Models.UnloadVersionAsync(Second);
        await UntilAsync(() => !student.Get<ModelCatalog>().FindModel("models/x", "name").Model.Served.ContainsKey(2));
        var late = await Assert.ThrowsAsync<RpcException>(() => AskAsync(student, Second));

        Assert.False(unloading.IsCompleted || engine.IsDisposed);
        gate.Open();
        await unloading;
        Assert.Equal(30, (await inside).Label.Text.Length);
        Assert.Equal("VERSION_UNLOADED", RpcErrors.Reason(late));
        Assert.True(engine.IsDisposed);
    }

    [Fact]
    public async Task Unload_VersionWithAnAlias_IsRefusedAndItAnswersOn()
    {
        await using var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1, ["canary"] = 2 });
        await student.Models.LoadVersionAsync(Second);
        var refused = await Assert.ThrowsAsync<RpcException>(() => student.Models.UnloadVersionAsync(Second));
        var missing = await Assert.ThrowsAsync<RpcException>(() => student.Models.UnloadVersionAsync("models/x/versions/3"));
        var noVersion = await Assert.ThrowsAsync<RpcException>(() => student.Models.LoadVersionAsync("models/x"));

        Assert.Equal((StatusCode.FailedPrecondition, "VERSION_HAS_ALIAS"), (refused.StatusCode, RpcErrors.Reason(refused)));
        Assert.Equal((StatusCode.NotFound, "VERSION_NOT_FOUND"), (missing.StatusCode, RpcErrors.Reason(missing)));
        Assert.Equal((StatusCode.InvalidArgument, "name"), (noVersion.StatusCode, RpcErrors.Field(noVersion)));
        Assert.Equal("2", (await AskAsync(student, "models/x@canary")).Label.Text);
    }

    [Fact]
    public async Task Load_VersionThatCannotBe_IsRefusedAndNothingIsLeftOfIt()
    {
        await using var student = await VersionedStudent.StartAsync(version => new ScriptedEngine(_ => "yes") { IsBroken = _ => version == 2 }, new() { ["stable"] = 1 });
        var refused = await Assert.ThrowsAsync<RpcException>(() => student.Models.LoadVersionAsync(Second));
        var version = Of(await student.Models.GetAsync("models/x"));

        Assert.Equal((StatusCode.FailedPrecondition, "MODEL_FAILED"), (refused.StatusCode, RpcErrors.Reason(refused)));
        Assert.Equal((ModelState.Unloaded, false), (version.State, version.Pinned));
        Assert.Equal("yes", (await AskAsync(student, "models/x")).Label.Text);
    }

    [Fact]
    public async Task Load_VersionThatHasFailed_ReadsItAnew()
    {
        var loads = 0;
        await using var student = await VersionedStudent.StartAsync(
            _ => Interlocked.Increment(ref loads) == 1 ? new ScriptedEngine(_ => "old") { IsBroken = text => text.Contains("bad", StringComparison.Ordinal) } : new ScriptedEngine(_ => "new"),
            new() { ["stable"] = 1 },
            versions: 1);
        var old = student.Engine(1);
        await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(Ask("bad")));
        Assert.Equal("MODEL_FAILED", RpcErrors.Reason(await Assert.ThrowsAsync<RpcException>(() => AskAsync(student, "models/x"))));
        var loaded = await student.Models.LoadVersionAsync("models/x/versions/1");

        Assert.Equal(ModelState.Serving, loaded.State);
        Assert.Equal("new", (await AskAsync(student, "models/x")).Label.Text);
        Assert.True(old.IsDisposed);
    }

    [Fact]
    public async Task Delete_VersionThatWasLoaded_UnloadsItFirstAndARestartLoadsNoneWithoutAnAlias()
    {
        await using var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1 }, versions: 3);
        await student.Models.LoadVersionAsync(Second);
        await student.Models.LoadVersionAsync("models/x/versions/3");
        var engine = student.Engine(2);
        await student.Models.DeleteVersionAsync(Second);
        await student.RestartAsync();
        var model = await student.Models.GetAsync("models/x");

        Assert.True(engine.IsDisposed);
        Assert.Equal([("models/x/versions/3", ModelState.Unloaded), ("models/x/versions/1", ModelState.Serving)], model.Versions.Select(version => (version.Name, version.State)));
    }

    private static ModelVersion Of(Model model) => model.Versions.Single(version => version.Name == Second);

    private static async Task<PredictResponse> AskAsync(VersionedStudent student, string model) =>
        await student.Client.PredictAsync(new PredictRequest { Model = model, Segments = { "is it?" } });
}
