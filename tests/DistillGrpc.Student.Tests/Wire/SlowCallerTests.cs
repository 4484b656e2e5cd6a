using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Operating;
using DistillGrpc.Student.Tests.Operating;
using DistillGrpc.Student.Tests.Serving;
using Google.Protobuf;
using Microsoft.Extensions.Time.Testing;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Wire;

/// <summary>Callers who take nothing of what they are sent, or send next to nothing, over frames of the test's own: their calls end, and nobody else notices.</summary>
public sealed class SlowCallerTests
{
    private const int Long = 16_000;
    private static readonly byte[] Question = RawCall.Frame(new PredictRequest { Segments = { "is it?" } }.ToByteArray());

    // It stands still but where a test says so: what is slow here is the caller, and never the machine.
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);

    [Fact]
    public async Task StreamPredict_CallerWhoTakesNothing_FreesTheModelAtOnceAndEndsAfterTheIdleTimeout()
    {
        await using var student = await StartAsync(Long, "--IdleTimeout=00:00:00.600");
        using var raw = await RawConnection.ConnectAsync(student.Channel, window: 0);
        await raw.CallAsync(1, "StreamPredict", RawCall.Frame(new StreamPredictRequest { Segments = { "a" }, MaxOutputTokens = Long }.ToByteArray()), isWhole: true);
        // The first pass is the warm-up's.
        await UntilAsync(() => student.Engine(1).Passes.Count == 2 && student.Engine(1).LiveSequences + student.Engine(1).LiveEncodings == 0);

        Assert.Equal(1, student.Get<InferenceGate>().Inside);
        Assert.Equal(5, (await student.Client.PredictAsync(Few("b"))).Label.Text.Length);
        await PassAsync(200, () => raw[1].ResetBy is not null);
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
        await PassAsync(250, () => raw[1].ResetBy is not null);
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

        await PassAsync(100, () => raw[1].ResetBy is not null);
        Assert.Equal((0, false), (raw[1].Bytes, raw.IsEnded));
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task BatchPredict_CallerWhoTakesLittleAtATime_GetsItAll()
    {
        const int Rows = 200;
        await using var student = await StartAsync(1000, "--IdleTimeout=00:00:01.200", "--MessageTimeout=00:00:01.200", "--MaxOutputTokens=1024");
        using var raw = await RawConnection.ConnectAsync(student.Channel, window: 0);
        var row = RawCall.Frame(new BatchPredictRequest { Id = "1", Request = new PredictRequest { Segments = { "a" }, MaxOutputTokens = 1024 } }.ToByteArray());
        await raw.CallAsync(1, "BatchPredict", [.. Enumerable.Repeat(row, Rows).SelectMany(bytes => bytes)], isWhole: true);
        // Something waits to be taken for longer than the limit, which is for each message: what is sent ahead and not waited for is but a third.
        for (var i = 0; !raw[1].IsOver; i++)
        {
            Assert.InRange(i, 0, 400);
            var before = raw[1].Bytes;
            await raw.AllowAsync(0, 2500);
            await raw.AllowAsync(1, 2500);
            await UntilAsync(() => raw[1].Bytes > before || raw[1].IsOver);
            _time.Advance(TimeSpan.FromMilliseconds(50));
        }

        Assert.Equal((true, null), (raw[1].IsWhole, raw[1].ResetBy));
        Assert.InRange(raw[1].Bytes, Rows * 1000, int.MaxValue);
    }

    [Fact]
    public async Task Send_AByteNowAndThen_EndsAfterTheMessageTimeoutWithAReason()
    {
        await using var student = await StartAsync(5, "--MessageTimeout=00:00:00.400");
        using var raw = await RawConnection.ConnectAsync(student.Channel);
        var (streams, start) = (new[] { 1, 3, 5, 7 }, RawCall.Frame([], length: 10_000));
        // The only message of a call; the same all there, but without the call's end; none; and the second message of a stream.
        await raw.CallAsync(1, "Predict");
        await raw.CallAsync(3, "Predict", Question);
        await raw.CallAsync(5, "StreamPredict");
        await raw.CallAsync(7, "BatchPredict", RowOf("a"));
        await UntilAsync(() => raw[7].Bytes > 0);
        await raw.SendAsync(7, start);
        for (var sent = 0; !streams.All(stream => raw[stream].IsOver); sent++)
        {
            Assert.InRange(sent, 0, 2000);
            foreach (var stream in new[] { 1, 7 }.Where(stream => !raw[stream].IsOver))
            {
                await raw.SendAsync(stream, [sent < 5 && stream == 1 ? start[sent] : (byte)0]);
            }

            _time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(5);
        }

        Assert.Equal(5, (await student.Client.PredictAsync(Few("b"))).Label.Text.Length);
        // Whichever ends first has it in words; the others' headers refer to that.
        Assert.Contains(streams, stream => raw[stream].Headers.Contains("The caller took too long to send a message.", StringComparison.Ordinal));
        Assert.All(streams, stream => Assert.True(raw[stream].IsWhole, $"{stream}"));
        Assert.False(raw.IsEnded);
        await UntilAsync(() => student.Get<InferenceGate>().Inside == 0);
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task BatchPredict_SilentStream_EndsAfterTheIdleTimeoutUnlessItIsBeingAnswered()
    {
        await using var student = await StartAsync(5, "--IdleTimeout=00:00:00.500", "--MessageTimeout=00:00:00.100", "--MaxStepRows=1");
        using var raw = await RawConnection.ConnectAsync(student.Channel);
        using var gate = new Gate();
        student.Engine(1).OnStep = _ => gate.Wait();
        // The first to be silent is owed an answer.
        await raw.CallAsync(1, "BatchPredict", RowOf("first"));
        await UntilAsync(() => student.Engine(1).LiveSequences == 1);
        await raw.CallAsync(3, "BatchPredict");
        await PassAsync(100, () => raw[3].IsOver);

        Assert.False(raw[1].IsOver);
        await raw.SendAsync(1, RowOf("last"), isLast: true);
        gate.Open();
        await UntilAsync(() => raw[1].IsOver);
        Assert.Equal((true, true), (raw[1].IsWhole, raw[3].IsWhole));
        Assert.True(raw[1].Bytes > 0);
        // What it sent after that silence was read, too.
        Assert.Contains(student.Engine(1).Passes, pass => pass[0].EndsWith("last", StringComparison.Ordinal));
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task BatchPredict_AnswerThatTakesLongerThanTheIdleTimeout_ComesBeforeSilenceEndsTheStream()
    {
        await using var student = await StartAsync(5, "--IdleTimeout=00:00:00.200");
        using var raw = await RawConnection.ConnectAsync(student.Channel);
        using var gate = new Gate();
        student.Engine(1).OnStep = _ => gate.Wait();
        await raw.CallAsync(1, "BatchPredict", RowOf("a"));
        await UntilAsync(() => student.Engine(1).LiveSequences == 1);
        _time.Advance(TimeSpan.FromSeconds(1));
        gate.Open();
        await UntilAsync(() => raw[1].Bytes > 0 || raw[1].IsOver);
        // Its silence counts from the answer.
        _time.Advance(TimeSpan.FromMilliseconds(100));
        var bytes = raw[1].Bytes;
        await raw.SendAsync(1, RowOf("b"));
        await UntilAsync(() => raw[1].IsOver || raw[1].Bytes > bytes);

        Assert.False(raw[1].IsOver);
        await PassAsync(5, () => raw[1].IsOver);
        Assert.True(raw[1].IsWhole);
        Assert.Empty(student.Errors);
    }

    private static byte[] RowOf(string text) => RawCall.Frame(new BatchPredictRequest { Id = text, Request = Few(text) }.ToByteArray());

    private static PredictRequest Few(string text) => new() { Segments = { text }, MaxOutputTokens = 5 };

    // Time passes by so much again and again, until the condition holds.
    private Task PassAsync(int milliseconds, Func<bool> condition) => UntilAsync(() =>
    {
        _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        return condition();
    });

    private Task<VersionedStudent> StartAsync(int length, params string[] settings) =>
        VersionedStudent.StartAsync(_ => new ScriptedEngine(_ => new string('x', length)), new() { ["stable"] = 1 }, versions: 1, time: _time, settings: settings.Any(setting => setting.Contains("MaxOutputTokens", StringComparison.Ordinal)) ? settings : [.. settings, "--MaxOutputTokens=16384"]);
}
