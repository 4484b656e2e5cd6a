using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Tests.Serving;
using Microsoft.Extensions.Time.Testing;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Operating;

/// <summary>Requests that a second version answers besides, over HTTP/2.</summary>
public sealed class ShadowTests
{
    private static readonly Dictionary<string, int> Aliases = new() { ["stable"] = 1, ["shadow"] = 2 };

    [Fact]
    public async Task Shadow_OfEveryRequest_IsComparedByItsLabel()
    {
        await using var student = await StartAsync((version, text) => version == 2 && text.EndsWith('9') ? "other" : "same", settings: ["--MaxShadows=100"]);
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("same", (await student.Client.PredictAsync(Ask($"{i}", i % 2 == 0 ? PredictionTask.Label : PredictionTask.Both))).Label.Text);
        }

        var streamed = await student.Client.StreamPredictAsync(AskStream("stream 9")).ToListAsync();
        await student.Client.PredictAsync(Ask("only why", PredictionTask.Rationale));
        var shadow = await UntilAsync(student, seen => seen.Compared == 21);

        Assert.Equal("same", streamed[^1].Answer.Text);
        Assert.Equal(("models/x/versions/1", "models/x/versions/2"), (shadow.Version, shadow.ShadowVersion));
        Assert.Equal((18L, 0L, 0L), (shadow.EqualLabels, shadow.Failed, shadow.Dropped));
        Assert.True(shadow.MeanSeconds > 0 && shadow.ShadowMeanSeconds > 0);
        // It was asked the same, and for both tasks where both were asked.
        Assert.Equal(10, student.Engine(2).Passes.SelectMany(pass => pass).Count(text => text.StartsWith("[rationale] ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Shadow_ThatFails_NeverShows()
    {
        await using var student = await StartAsync((version, text) => "yes");
        student.Engine(2).OnStep = _ => throw new InvalidOperationException("broken");
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal("yes", (await student.Client.PredictAsync(Ask($"{i}"))).Label.Text);
        }

        Assert.Equal(0, (await UntilAsync(student, seen => seen.Failed == 10)).Compared);
        // One that gives no numbers is out of service, and nobody is told but the operator.
        student.Engine(2).OnStep = null;
        student.Engine(2).IsBroken = _ => true;
        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("x"))).Label.Text);
        await ScriptedStudent.UntilAsync(() => student.Engine(2).IsDisposed);
        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("y"))).Label.Text);
        Assert.Equal(ModelState.Failed, (await student.Models.GetAsync("models/x")).Versions.Single(version => version.Name.EndsWith("/2", StringComparison.Ordinal)).State);
    }

    [Fact]
    public async Task Shadow_ThatHasNotLearntWhatIsAsked_IsCountedAndTheCallerHasHisAnswer()
    {
        await using var student = await VersionedStudent.StartAsync(
            _ => new ScriptedEngine(_ => "yes"), Aliases, card: version => new ModelCard { LacksRationales = version == 2, Form = version == 3 ? PredictionForm.LabelFromRationale : PredictionForm.Separate }, versions: 3);
        await student.Models.SetTrafficAsync("models/x", new ModelTraffic { ShadowPercent = 100 });
        var both = await student.Client.PredictAsync(Ask("x", PredictionTask.Both));
        await UntilAsync(student, seen => seen.Failed == 1);
        await student.Models.SetAliasAsync("models/x/versions/3", "shadow");
        // No Teacher is asked for a rationale that nobody reads.
        var label = await student.Client.PredictAsync(Ask("x"));
        var second = await UntilAsync(student, seen => seen is { ShadowVersion: "models/x/versions/3", Failed: 1 });

        Assert.Equal(("yes", "yes", "yes"), (both.Label.Text, both.Rationale.Text, label.Label.Text));
        Assert.Equal(0, second.Compared);
    }

    [Fact]
    public async Task Shadow_ThatHangs_DelaysNobodyIsBoundedAndGivesUpInTime()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var student = await StartAsync((_, _) => "yes", time, "--MaxShadows=2", "--ShadowTimeout=00:00:02");
        using var gate = new Gate();
        student.Engine(2).OnStep = _ => gate.Wait();
        for (var i = 0; i < 10; i++)
        {
            await student.Client.PredictAsync(Ask($"{i}"), DateTime.UtcNow.AddSeconds(20));
        }

        var busy = await UntilAsync(student, seen => seen.Dropped == 8);
        var late = await UntilAsync(student, seen =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return seen.Failed == 2;
        });
        gate.Open();
        student.Engine(2).OnStep = null;
        await student.Client.PredictAsync(Ask("again"));

        Assert.Equal(0, busy.Compared);
        Assert.Equal(8, late.Dropped);
        Assert.Equal(1, (await UntilAsync(student, seen => seen.Compared == 1)).EqualLabels);
    }

    [Fact]
    public async Task Shadow_WhoseCallerFails_IsNotAsked()
    {
        await using var student = await StartAsync((_, _) => "yes");
        student.Engine(1).OnStep = _ => throw new InvalidOperationException("broken");
        await Assert.ThrowsAsync<Grpc.Core.RpcException>(() => student.Client.PredictAsync(Ask("x")));
        student.Engine(1).OnStep = null;
        await student.Client.PredictAsync(Ask("y"));
        await UntilAsync(student, seen => seen.Compared == 1);

        Assert.DoesNotContain("[label] x", student.Engine(2).Passes.SelectMany(pass => pass));
    }

    [Fact]
    public async Task Shadow_AnswerThatComesAfterAnotherTookItsPlace_IsNotCountedForTheNewOne()
    {
        await using var student = await VersionedStudent.StartAsync(version => new ScriptedEngine(_ => $"{version}"), Aliases, versions: 3);
        await student.Models.SetTrafficAsync("models/x", new ModelTraffic { ShadowPercent = 100 });
        // It stays loaded without the alias.
        await student.Models.LoadVersionAsync("models/x/versions/2");
        using var gate = new Gate();
        student.Engine(2).OnStep = _ => gate.Wait();
        await student.Client.PredictAsync(Ask("asked of both"));
        await ScriptedStudent.UntilAsync(() => student.Engine(2).LiveEncodings + student.Engine(2).LiveSequences > 0);
        await student.Models.SetAliasAsync("models/x/versions/3", "shadow");
        await student.Client.PredictAsync(Ask("asked of the new one"));
        await UntilAsync(student, seen => seen is { ShadowVersion: "models/x/versions/3", Compared: 1 });
        gate.Open();
        await ScriptedStudent.UntilAsync(() => student.Engine(2).LiveEncodings + student.Engine(2).LiveSequences == 0);
        // Until it would have been counted.
        await Task.Delay(300);
        var seen = (await student.Models.GetAsync("models/x")).TrafficStatus.Shadow;

        Assert.Equal(("models/x/versions/3", 1L, 0L, 0L), (seen.ShadowVersion, seen.Compared, seen.EqualLabels, seen.Failed));
    }

    [Fact]
    public async Task Shadow_AliasThatComesBack_BeginsAnew()
    {
        await using var student = await StartAsync((_, _) => "same");
        await student.Client.PredictAsync(Ask("x"));
        await UntilAsync(student, seen => seen.Compared == 1);
        await student.Models.SetAliasAsync("models/x/versions/2", "other");
        Assert.Equal(1, (await student.Models.GetAsync("models/x")).TrafficStatus.Shadow.Compared);
        await student.Models.DeleteAliasAsync("models/x", "shadow");
        Assert.Null((await student.Models.GetAsync("models/x")).TrafficStatus.Shadow);
        await student.Models.SetAliasAsync("models/x/versions/2", "shadow");
        Assert.Null((await student.Models.GetAsync("models/x")).TrafficStatus.Shadow);
        await student.Client.PredictAsync(Ask("y"));

        Assert.Equal("models/x/versions/2", (await UntilAsync(student, seen => seen.Compared == 1)).ShadowVersion);
    }

    private static async Task<VersionedStudent> StartAsync(Func<int, string, string> answer, TimeProvider? time = null, params string[] settings)
    {
        var student = await VersionedStudent.StartAsync(version => new ScriptedEngine(text => answer(version, text)), Aliases, time: time, settings: settings);
        await student.Models.SetTrafficAsync("models/x", new ModelTraffic { ShadowPercent = 100 });
        return student;
    }

    private static async Task<ShadowComparison> UntilAsync(VersionedStudent student, Func<ShadowComparison, bool> condition)
    {
        for (var i = 0; i < 2000; i++)
        {
            if ((await student.Models.GetAsync("models/x")).TrafficStatus.Shadow is { } shadow && condition(shadow))
            {
                return shadow;
            }

            await Task.Delay(10);
        }

        throw new TimeoutException("It did not come to pass.");
    }
}
