using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>Callers that go and engines that fail, in every phase, over real HTTP/2.</summary>
public sealed class ServingFaultTests
{
    [Theory]
    [InlineData("queued")]
    [InlineData("encoding")]
    [InlineData("decoding")]
    public async Task Deadline_InEveryPhase_EndsTheCallAndFreesWhatItHeld(string phase)
    {
        await using var student = await StartAsync(_ => new string('x', 100), null, "--MaxStepRows=1");
        // The first call of all takes a while.
        await student.Client.PredictAsync(new PredictRequest { Segments = { "warm" }, MaxOutputTokens = 1 });
        student.Engine.Rows.Clear();
        using var gate = new Gate();
        var (steps, hasCome) = (0, false);
        student.Engine.OnEncode = texts =>
        {
            hasCome |= texts[0].EndsWith("late", StringComparison.Ordinal);
            Wait(phase == "encoding");
        };
        student.Engine.OnStep = _ => Wait(phase == "queued" || (phase == "decoding" && ++steps == 7));
        var ahead = phase == "queued" ? student.Client.PredictAsync(Ask("ahead")) : null;
        await UntilAsync(() => phase != "queued" || student.Engine.LiveSequences == 1);

        var (failure, tries) = await LateCall.FailAsync(deadline => student.Client.PredictAsync(Ask("late"), deadline), () => phase == "queued" ? student.Waiting == 1 : hasCome);
        // The service counts from when a call came; of those that were too late some may not have.
        var come = student.Deadlines.Count(deadline => deadline < DateTimeOffset.MaxValue);
        Assert.InRange(come, 1, tries);
        await UntilAsync(() => student.GivenUp >= come);
        student.Engine.OnEncode = student.Engine.OnStep = null;
        gate.Open();

        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
        Assert.Equal(100, (await student.Client.PredictAsync(Ask("next"))).Label.Text.Length);
        Assert.Equal(phase != "queued", student.Engine.Passes.Any(pass => pass[0].EndsWith("late", StringComparison.Ordinal)));
        Assert.InRange(student.Engine.Rows.Count, 101, (phase == "queued" ? 202 : 101) + 7);
        _ = ahead is null ? null : await ahead;
        await student.IdleAsync();

        void Wait(bool isHere)
        {
            if (isHere)
            {
                gate.Wait();
            }
        }
    }

    [Fact]
    public async Task Cancel_WhileDecoding_StopsWithinAStep()
    {
        await using var student = await StartAsync(_ => new string('x', 200));
        using var stop = new CancellationTokenSource();
        using var gate = new Gate();
        var steps = 0;
        student.Engine.OnStep = _ =>
        {
            if (++steps > 5)
            {
                gate.Wait();
            }
        };
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await foreach (var part in student.Client.StreamPredictAsync(AskStream("long"), stop.Token))
            {
                await stop.CancelAsync();
            }
        });
        // A sixth step may be under way.
        await UntilAsync(() => student.GivenUp == 1);
        gate.Open();
        await student.IdleAsync();

        // What is given up is known of one after another: the engine's thread may be the last.
        Assert.InRange(student.Engine.Rows.Count, 1, 8);
    }

    [Fact]
    public async Task Predict_EngineThatFails_IsInternalWithoutAWordOfItsOwnAndTheNextIsAnswered()
    {
        await using var student = await StartAsync(_ => "yes");
        student.Engine.OnStep = _ => throw new InvalidOperationException("libtorch: CUDA error at /opt/kernels.cu");
        var failure = await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(Ask("is it?")));
        student.Engine.OnStep = null;

        Assert.Equal((StatusCode.Internal, "BATCH_FAILED"), (failure.StatusCode, RpcErrors.Reason(failure)));
        Assert.DoesNotContain("libtorch", failure.ToString(), StringComparison.Ordinal);
        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("is it?"))).Label.Text);
        await student.IdleAsync();
    }

    [Fact]
    public async Task Predict_LogitsThatAreNoNumbers_TakeTheModelOutOfService()
    {
        await using var student = await StartAsync(_ => "yes");
        student.Engine.IsBroken = text => text.Contains("bad", StringComparison.Ordinal);
        var first = await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(Ask("bad")));
        var second = await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(Ask("good")));
        await UntilAsync(() => student.Engine.IsDisposed);
        var model = await student.Models.GetAsync("models/scripted");

        Assert.All(new[] { first, second }, failure => Assert.Equal((StatusCode.FailedPrecondition, "MODEL_FAILED"), (failure.StatusCode, RpcErrors.Reason(failure))));
        Assert.Equal((ModelState.Failed, "what it gives are not finite numbers."), (model.State, model.Failure));
    }

    [Fact]
    public async Task Load_ModelThatGivesNoNumbers_IsNotServed()
    {
        var engine = new ScriptedEngine(_ => "yes") { IsBroken = _ => true };
        await using var student = await StartAsync(engine);
        var failure = await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(Ask("is it?")));
        var model = await student.Models.GetAsync("models/scripted");

        Assert.Equal((StatusCode.FailedPrecondition, "MODEL_FAILED"), (failure.StatusCode, RpcErrors.Reason(failure)));
        Assert.Equal((ModelState.Failed, "What the model gives are not finite numbers."), (model.State, model.Failure));
        Assert.True(engine.IsDisposed);
        Assert.Equal((0, 0), (engine.LiveSequences, engine.LiveEncodings));
    }

    [Fact]
    public async Task Cancel_AtAnyInstant_LeavesNothingBehindAndHarmsNobody()
    {
        await using var student = await StartAsync(text => new string(text[^1], 40), null, "--MaxStepRows=8", "--MaxQueue=1000");
        student.Engine.OnStep = _ => Thread.Sleep(1);
        var random = new Random(7);
        var calls = Enumerable.Range(0, 200).Select(async i =>
        {
            using var stop = new CancellationTokenSource();
            var request = AskStream($"{i} {(char)('a' + (i % 26))}", i % 2 == 0 ? PredictionTask.Both : PredictionTask.Label);
            request.Decoding = (i % 5) switch { 0 => new DecodingOptions { NumBeams = 3, NumAnswers = 2 }, 1 => new DecodingOptions { Stop = { "zz" } }, _ => null };
            var isKept = i % 10 == 9;
            if (!isKept)
            {
                stop.CancelAfter(random.Next(1, 300));
            }

            try
            {
                var parts = await student.Client.StreamPredictAsync(request, stop.Token).ToListAsync();
                Assert.All(parts.Where(part => part.Answer is not null && i % 5 != 1), part => Assert.Equal(new string((char)('a' + (i % 26)), 40), part.Answer.Text));
                return true;
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                return !isKept;
            }
        }).ToArray();

        Assert.All(await Task.WhenAll(calls), Assert.True);
        await student.IdleAsync();
        student.Engine.OnStep = null;
        Assert.Equal(40, (await student.Client.PredictAsync(Ask("next"))).Label.Text.Length);
    }
}
