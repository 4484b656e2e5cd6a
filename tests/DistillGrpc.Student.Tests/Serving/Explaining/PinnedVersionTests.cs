using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Student.Tests.Serving.Explaining;

/// <summary>The version that gave a label explains it, also where another one answers by now.</summary>
public sealed class PinnedVersionTests
{
    [Fact]
    public async Task Explain_AfterAHotSwap_LoadsTheVersionThatAnsweredOnceForAllAndLetsItGo()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer, null, "--PinnedVersionIdle=00:05:00");
        var predictions = new[] { await student.PredictAsync("one"), await student.PredictAsync("two"), await student.PredictAsync("three") };
        await student.Models.SetAliasAsync("models/x/versions/2", "stable");
        Assert.True(student.Loaded.First().Engine.IsDisposed);
        var explained = await Task.WhenAll(predictions.Concat(predictions).Select(student.ExplainAsync));
        var now = await student.Client.PredictAsync(new PredictRequest { Segments = { "x" } });

        Assert.All(explained, answer => Assert.Equal(("because yes", "models/x/versions/1"), (answer.Answer.Text, answer.Answer.Model)));
        Assert.Equal("models/x/versions/2", now.Model);
        Assert.Equal(["1", "2", "1"], student.Loaded.Select(loaded => loaded.Version));
        student.Time.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal("models/x/versions/1", (await student.ExplainAsync(predictions[0])).Answer.Model);
        student.Time.Advance(TimeSpan.FromMinutes(4));
        Assert.False(student.Loaded.Last().Engine.IsDisposed);
        student.Time.Advance(TimeSpan.FromMinutes(1));
        await ScriptedStudent.UntilAsync(() => student.Loaded.Last().Engine.IsDisposed);
        Assert.Equal("models/x/versions/1", (await student.ExplainAsync(predictions[0])).Answer.Model);
        Assert.Equal(4, student.Loaded.Count);
    }

    [Fact]
    public async Task Explain_WhileTheAliasComesBack_UsesTheVersionAsItIsServed()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        var prediction = await student.PredictAsync();
        for (var i = 0; i < 6; i++)
        {
            var explaining = Enumerable.Range(0, 4).Select(_ => student.ExplainAsync(prediction)).ToArray();
            await student.Models.SetAliasAsync($"models/x/versions/{1 + ((i + 1) % 2)}", "stable");
            Assert.All(await Task.WhenAll(explaining), answer => Assert.Equal("models/x/versions/1", answer.Answer.Model));
        }
    }

    [Fact]
    public async Task Explain_VersionThatWasRemoved_IsGoneAlsoWhereItIsStillLoaded()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        var prediction = await student.PredictAsync();
        await student.Models.SetAliasAsync("models/x/versions/2", "stable");
        await student.ExplainAsync(prediction);
        await student.Models.DeleteVersionAsync("models/x/versions/1");
        var (code, reason, text) = await student.RefusedAsync(prediction);

        Assert.Equal((StatusCode.FailedPrecondition, "VERSION_GONE"), (code, reason));
        Assert.Contains("models/x/versions/1", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_AnotherModelOfTheSameName_IsNotTakenForIt()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        var prediction = await student.PredictAsync();
        await student.StopAsync();
        await File.WriteAllTextAsync(Path.Combine(student.State, "models", "x", "1", "config.json"), "version 9");
        await student.StartAgainAsync();
        var served = await student.RefusedAsync(prediction);
        await student.Models.SetAliasAsync("models/x/versions/2", "stable");
        var loaded = await student.RefusedAsync(prediction);

        Assert.Equal((StatusCode.FailedPrecondition, "VERSION_GONE"), (served.Code, served.Reason));
        Assert.Equal((StatusCode.FailedPrecondition, "VERSION_GONE"), (loaded.Code, loaded.Reason));
    }

    [Fact]
    public async Task Explain_VersionThatCannotBeLoaded_SaysWhyAndIsTriedAgain()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        var prediction = await student.PredictAsync();
        await student.Models.SetAliasAsync("models/x/versions/2", "stable");
        student.OnLoad = _ => throw new InvalidDataException("config.json is damaged.");
        var (code, reason, text) = await student.RefusedAsync(prediction);
        student.OnLoad = null;

        Assert.Equal((StatusCode.FailedPrecondition, "MODEL_FAILED"), (code, reason));
        Assert.Contains("config.json is damaged.", text, StringComparison.Ordinal);
        Assert.Equal("because yes", (await student.ExplainAsync(prediction)).Answer.Text);
    }

    [Fact]
    public async Task Explain_MoreVersionsThanMayBeLoaded_AnIdleOneMakesRoomAndOneInUseDoesNot()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer, null, "--MaxPinnedVersions=1");
        var ofFirst = await student.PredictAsync();
        await student.Models.SetAliasAsync("models/x/versions/2", "stable");
        var ofSecond = await student.PredictAsync();
        await student.Models.DeleteAliasAsync("models/x", "stable");
        Assert.Equal("models/x/versions/1", (await student.ExplainAsync(ofFirst)).Answer.Model);
        Assert.Equal("models/x/versions/2", (await student.ExplainAsync(ofSecond)).Answer.Model);
        using var gate = new Gate();
        student.Loaded.Last().Engine.OnStep = _ => gate.Wait();
        var using2 = student.ExplainAsync(ofSecond);
        await ScriptedStudent.UntilAsync(() => student.Loaded.Last().Engine.LiveEncodings > 0);
        var (code, reason, _) = await student.RefusedAsync(ofFirst);
        gate.Open();

        Assert.Equal((StatusCode.ResourceExhausted, "TOO_MANY_VERSIONS"), (code, reason));
        Assert.Equal("models/x/versions/2", (await using2).Answer.Model);
        // The first may still be on its way out.
        await ScriptedStudent.UntilAsync(() => student.RefusedOrNull(ofFirst) is null);
        Assert.Equal("models/x/versions/1", (await student.ExplainAsync(ofFirst)).Answer.Model);
    }

    [Fact]
    public async Task GetCapacity_VersionThatIsLoadedToExplainAlone_IsToldApartUntilItIsGone()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer, null, "--PinnedVersionIdle=00:05:00");
        var admin = new AdminClient(student.Channel);
        var prediction = await student.PredictAsync();
        await student.ExplainAsync(prediction);
        Assert.Equal([("models/x/versions/1", false)], await VersionsAsync());
        await student.Models.SetAliasAsync("models/x/versions/2", "stable");
        await student.ExplainAsync(prediction);
        Assert.Equal([("models/x/versions/2", false), ("models/x/versions/1", true)], await VersionsAsync());
        Assert.Equal(4, (await admin.GetCapacityAsync()).Versions[1].WeightBytes);
        student.Time.Advance(TimeSpan.FromMinutes(5));
        await ScriptedStudent.UntilAsync(() => student.Loaded.Last().Engine.IsDisposed);
        await ScriptedStudent.UntilAsync(() => VersionsAsync().GetAwaiter().GetResult() is [("models/x/versions/2", false)]);

        async Task<(string, bool)[]> VersionsAsync() => [.. (await admin.GetCapacityAsync()).Versions.Select(version => (version.Name, version.ExplainsOnly))];
    }

    private static string Answer(string text) => text.StartsWith("[label]", StringComparison.Ordinal) ? "yes" : "because yes";
}
