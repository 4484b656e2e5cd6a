using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Operating;
using DistillGrpc.Student.Tests.Operating;
using DistillGrpc.Student.Tests.Serving;
using Google.Protobuf;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Wire;

/// <summary>Callers who take nothing of what they are sent, or send next to nothing, over frames of the test's own: their calls end, and nobody else notices.</summary>
public sealed class SlowCallerTests
{
    private const int Long = 16_000;
    private static readonly byte[] Question = RawCall.Frame(new PredictRequest { Segments = { "is it?" } }.ToByteArray());

    [Fact]
    public async Task StreamPredict_CallerWhoTakesNothing_FreesTheModelAtOnceAndEndsAfterTheIdleTimeout()
    {
        await using var student = await StartAsync(Long, "--IdleTimeout=00:00:00.600");
        using var raw = await RawConnection.ConnectAsync(student.Channel, window: 0);
        await raw.CallAsync(1, "StreamPredict", RawCall.Frame(new StreamPredictRequest { Segments = { "a" }, MaxOutputTokens = Long }.ToByteArray()), isWhole: true);
        await UntilAsync(() => student.Get<InferenceGate>().Inside == 1);
        await UntilAsync(() => student.Engine(1).LiveSequences + student.Engine(1).LiveEncodings == 0);

        Assert.Equal(1, student.Get<InferenceGate>().Inside);
        Assert.Equal(5, (await student.Client.PredictAsync(Few("b"))).Label.Text.Length);
        await UntilAsync(() => raw[1].ResetBy is not null);
        await UntilAsync(() => student.Get<InferenceGate>().Inside == 0);
        Assert.Equal((0, false), (raw[1].Bytes, raw.IsEnded));
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task BatchPredict_CallerWhoTakesNothing_IsReadNoFurtherThanItsAnswersHaveRoom()
    {
        await using var student = await StartAsync(1000, "--IdleTimeout=00:00:01", "--MaxOutputTokens=1024");
        using var raw = await RawConnection.ConnectAsync(student.Channel, window: 0);
        await raw.CallAsync(1, "BatchPredict");
        var row = RawCall.Frame(new BatchPredictRequest { Id = "1", Request = new PredictRequest { Segments = { "a" }, MaxOutputTokens = 1024 } }.ToByteArray());
        await raw.SendAsync(1, [.. Enumerable.Repeat(row, 1000).SelectMany(bytes => bytes)]);
        await UntilAsync(() => student.Engine(1).Passes.Sum(pass => pass.Length) > 64 && student.Engine(1).LiveSequences == 0);
        await Task.Delay(100);

        // As many wait to be sent as are under way at most, and a few are being sent.
        Assert.InRange(student.Engine(1).Passes.Sum(pass => pass.Length), 65, 64 + 64 + 16);
        await UntilAsync(() => raw[1].ResetBy is not null);
        await UntilAsync(() => student.Get<InferenceGate>().Inside == 0);
        Assert.Equal(5, (await student.Client.PredictAsync(Few("b"))).Label.Text.Length);
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task Predict_LongAnswerThatNobodyTakes_EndsAfterTheIdleTimeout()
    {
        await using var student = await StartAsync(Long, "--IdleTimeout=00:00:00.400");
        using var raw = await RawConnection.ConnectAsync(student.Channel, window: 0);
        var request = new PredictRequest { Segments = { "a" }, MaxOutputTokens = Long, TopLogProbabilities = 1 };
        await raw.CallAsync(1, "Predict", RawCall.Frame(request.ToByteArray()), isWhole: true);

        await UntilAsync(() => raw[1].ResetBy is not null);
        Assert.Equal((0, false), (raw[1].Bytes, raw.IsEnded));
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task StreamPredict_CallerWhoTakesLittleAtATime_GetsItAll()
    {
        await using var student = await StartAsync(Long, "--IdleTimeout=00:00:01.200", "--MessageTimeout=00:00:01.200");
        using var raw = await RawConnection.ConnectAsync(student.Channel, window: 0);
        await raw.CallAsync(1, "StreamPredict", RawCall.Frame(new StreamPredictRequest { Segments = { "a" }, MaxOutputTokens = Long, Task = PredictionTask.Both }.ToByteArray()), isWhole: true);
        // All in all longer than the limit, which is for each message.
        for (var i = 0; !raw[1].IsOver; i++)
        {
            Assert.InRange(i, 0, 100);
            await Task.Delay(50);
            await raw.AllowAsync(1, 2500);
        }

        Assert.Equal((true, null), (raw[1].IsWhole, raw[1].ResetBy));
        Assert.InRange(raw[1].Bytes, 4 * Long, int.MaxValue);
    }

    [Fact]
    public async Task Send_AByteNowAndThen_EndsAfterTheMessageTimeoutWithAReason()
    {
        await using var student = await StartAsync(5, "--MessageTimeout=00:00:00.400");
        using var raw = await RawConnection.ConnectAsync(student.Channel);
        // The only message of a call; the same all there, but without the call's end; none; and the second message of a stream.
        await raw.CallAsync(1, "Predict");
        await raw.CallAsync(3, "Predict", Question);
        await raw.CallAsync(5, "StreamPredict");
        await raw.CallAsync(7, "BatchPredict", RawCall.Frame(new BatchPredictRequest { Id = "1", Request = Few("a") }.ToByteArray()));
        await raw.SendAsync(7, RawCall.Frame([], length: 1000));
        var sent = 0;
        for (; !(raw[1].IsOver && raw[3].IsOver && raw[5].IsOver && raw[7].IsOver); sent++)
        {
            Assert.InRange(sent, 0, 100);
            await raw.SendAsync(1, [Question[Math.Min(sent, Question.Length - 2)]]);
            await raw.SendAsync(7, [0]);
            await Task.Delay(50);
        }

        Assert.Equal(5, (await student.Client.PredictAsync(Few("b"))).Label.Text.Length);
        // Whichever ends first has it in words; the others' headers refer to that.
        Assert.Contains(new[] { 1, 3, 5, 7 }, stream => raw[stream].Headers.Contains("The caller took too long to send a message.", StringComparison.Ordinal));
        Assert.All(new[] { 1, 3, 5, 7 }, stream => Assert.True(raw[stream].IsWhole, $"{stream}"));
        Assert.True(raw[7].Bytes > 0);
        Assert.False(raw.IsEnded);
        Assert.Equal(0, student.Get<InferenceGate>().Inside);
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task BatchPredict_SilentStream_EndsAfterTheIdleTimeoutUnlessItIsBeingAnswered()
    {
        await using var student = await StartAsync(5, "--IdleTimeout=00:00:00.500", "--MessageTimeout=00:00:00.100", "--MaxStepRows=1");
        using var raw = await RawConnection.ConnectAsync(student.Channel);
        // Each row takes a while, one after another: the second stream is silent for longer than the first one may be.
        student.Engine(1).OnStep = _ => Thread.Sleep(25);
        await raw.CallAsync(1, "BatchPredict");
        await raw.CallAsync(3, "BatchPredict", [.. Enumerable.Range(0, 8).SelectMany(i => RawCall.Frame(new BatchPredictRequest { Id = $"{i}", Request = Few("a") }.ToByteArray()))]);
        await UntilAsync(() => raw[1].IsOver);
        var answered = raw[3].Bytes;

        Assert.False(raw[3].IsOver);
        await UntilAsync(() => raw[3].Bytes > answered);
        await raw.SendAsync(3, [], isLast: true);
        student.Engine(1).OnStep = null;
        await UntilAsync(() => raw[3].IsOver);
        Assert.Equal((true, true), (raw[1].IsWhole, raw[3].IsWhole));
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task BatchPredict_AnswerThatTakesLongerThanTheIdleTimeout_ComesBeforeSilenceEndsTheStream()
    {
        await using var student = await StartAsync(5, "--IdleTimeout=00:00:00.200");
        using var raw = await RawConnection.ConnectAsync(student.Channel);
        student.Engine(1).OnStep = _ => Thread.Sleep(150);
        await raw.CallAsync(1, "BatchPredict", RawCall.Frame(new BatchPredictRequest { Id = "1", Request = Few("a") }.ToByteArray()));
        await UntilAsync(() => raw[1].Bytes > 0 || raw[1].IsOver);

        Assert.False(raw[1].IsOver);
        await UntilAsync(() => raw[1].IsOver);
        Assert.Empty(student.Errors);
    }

    private static PredictRequest Few(string text) => new() { Segments = { text }, MaxOutputTokens = 5 };

    private static Task<VersionedStudent> StartAsync(int length, params string[] settings) =>
        VersionedStudent.StartAsync(_ => new ScriptedEngine(_ => new string('x', length)), new() { ["stable"] = 1 }, versions: 1, settings: settings.Any(setting => setting.Contains("MaxOutputTokens", StringComparison.Ordinal)) ? settings : [.. settings, "--MaxOutputTokens=16384"]);
}
