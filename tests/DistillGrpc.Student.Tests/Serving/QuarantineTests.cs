using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using Grpc.Core;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>Models that cannot go on: who is told, what is given back, and how they come back.</summary>
public sealed class QuarantineTests
{
    [Fact]
    public async Task Fail_SequencesThatCannotBeFreed_StillEndsEveryAnswer()
    {
        using var rig = new SchedulerRig();
        var jobs = new[] { rig.Add("abc"), rig.Add("def"), rig.Add("ghi") };
        rig.Turn();
        rig.Engine.OnFree = () => throw new InvalidOperationException("the device is gone");
        rig.Scheduler.Fail(new InvalidOperationException("no more"));

        foreach (var job in jobs)
        {
            Assert.IsType<RpcException>(await SchedulerRig.FailureOf(job));
        }
    }

    [Fact]
    public async Task Predict_EngineThatFailsEveryTime_TakesTheModelOutOfService()
    {
        await using var student = await StartAsync(_ => "yes");
        student.Engine.OnStep = _ => throw new InvalidOperationException("the device is gone");
        for (var i = 0; i < 16; i++)
        {
            Assert.Equal("BATCH_FAILED", RpcErrors.Reason(await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(Ask("is it?")))));
            if (i == 14)
            {
                // One that succeeds between them begins the count anew.
                student.Engine.OnStep = null;
                Assert.Equal("yes", (await student.Client.PredictAsync(Ask("is it?"))).Label.Text);
                student.Engine.OnStep = _ => throw new InvalidOperationException("the device is gone");
            }
        }

        Assert.Equal(ModelState.Serving, (await student.Models.GetAsync("models/scripted")).State);
        for (var i = 0; i < 15; i++)
        {
            await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(Ask("is it?")));
        }

        await UntilAsync(() => student.Engine.IsDisposed);
        Assert.Equal(ModelState.Failed, (await student.Models.GetAsync("models/scripted")).State);
        Assert.Equal("MODEL_FAILED", RpcErrors.Reason(await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(Ask("is it?")))));
    }

    [Fact]
    public async Task Predict_ModelTakenOutOfService_GivesAllMemoryBack()
    {
        await using var student = await StartAsync(_ => new string('x', 50));
        using var gate = new ManualResetEventSlim();
        student.Engine.OnStep = _ => gate.Wait(TimeSpan.FromSeconds(30));
        student.Engine.IsBroken = text => text.Contains("bad", StringComparison.Ordinal);
        var calls = Enumerable.Range(0, 20).Select(i => student.Client.PredictAsync(Ask(i == 7 ? "bad" : $"good {i}", PredictionTask.Both))).ToArray();
        // All are there: those that come before the bad one would be answered otherwise.
        await UntilAsync(() => student.Engine.Passes.Sum(pass => pass.Length) + student.Waiting == 20);
        gate.Set();

        foreach (var call in calls)
        {
            Assert.Equal("MODEL_FAILED", RpcErrors.Reason(await Assert.ThrowsAsync<RpcException>(() => call)));
        }

        await student.IdleAsync();
        await UntilAsync(() => student.Engine.IsDisposed);
    }

    [Fact]
    public async Task SetAlias_VersionTakenOutOfService_IsLoadedAnewOrRefused()
    {
        await using var student = await StartAsync(_ => "yes");
        using var folder = new TemporaryFolder();
        var version = await student.Catalog.InstallAsync("m", Directory.CreateDirectory($"{folder.Path}/v").FullName, ModelName.Stable);
        var request = Ask("is it?");
        request.Model = "models/m";
        student.Engine.IsBroken = _ => true;
        await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(request));

        var refused = await Assert.ThrowsAsync<RpcException>(() => student.Models.SetAliasAsync(version, "canary"));
        student.Engine.IsBroken = _ => false;
        var model = await student.Models.SetAliasAsync(version, "canary");

        Assert.Equal("MODEL_FAILED", RpcErrors.Reason(refused));
        Assert.Equal(ModelState.Serving, model.State);
        Assert.Equal("yes", (await student.Client.PredictAsync(request)).Label.Text);
    }

    [Fact]
    public async Task StreamPredict_ReaderThatIsSlow_GetsFewerAndLongerMessages()
    {
        const int Length = 16_000;
        var answer = string.Concat(Enumerable.Range(0, Length).Select(i => (char)('a' + i % 26)));
        await using var student = await StartAsync(_ => answer, null, "--MaxOutputTokens=16384");
        var request = AskStream("tell");
        request.MaxOutputTokens = 16384;
        using var call = new InferenceService.InferenceServiceClient(student.Channel).StreamPredict(request);
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        var deltas = new List<string> { call.ResponseStream.Current.Delta.Text };
        await student.IdleAsync();
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            deltas.Add(call.ResponseStream.Current.Delta?.Text ?? "");
        }

        Assert.Equal(answer, string.Concat(deltas));
        Assert.InRange(deltas.Count, 2, Length / 2);
    }

    [Fact]
    public async Task Predict_SeveralAnswersOfWhichAStopTextCutsSome_AreBestFirst()
    {
        await using var student = await StartAsync(_ => "abcdefgh");
        student.Engine.Second = (_, step) => step % 2 == 0 ? '.' + 3 : 'x' + 3;
        for (var seed = 0; seed < 20; seed++)
        {
            var request = Ask("tell");
            request.Decoding = new DecodingOptions { NumAnswers = 6, Temperature = 3, Seed = seed, Stop = { "." } };
            var label = (await student.Client.PredictAsync(request)).Label;
            double[] scores = [label.Score, .. label.Alternatives.Select(other => other.Score)];

            Assert.Equal(scores.OrderDescending(), scores);
            Assert.All(label.Alternatives.Select(other => other.Text).Append(label.Text), text => Assert.DoesNotContain('.', text));
        }
    }
}
