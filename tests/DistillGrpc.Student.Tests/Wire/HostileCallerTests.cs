using System.Net.Sockets;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Operating;
using DistillGrpc.Student.Tests.Operating;
using DistillGrpc.Student.Tests.Serving;
using Google.Protobuf;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Wire;

/// <summary>Callers that no client library is, over frames of the test's own: what they do ends their own calls, or their connection, and nothing else.</summary>
public sealed class HostileCallerTests
{
    private static readonly byte[] Question = RawCall.Frame(new PredictRequest { Segments = { "is it?" } }.ToByteArray());

    /// <summary>Headers, and whether such a call is answered; if not, the call or its connection ends.</summary>
    public static TheoryData<string, bool> Headers => new()
    {
        { "30,000 characters", true },
        { "60,000 characters", false },
        { "1,000 of them", false },
        { "binary that is no base64", true },
        { "a deadline that is none", true },
        { "a deadline of a century", true },
        { "a deadline below zero", true },
        { "a trace that is none", true },
        { "encodings that are none", true },
        { "no ASCII", true },
        { "capitals", false },
        { "a line feed", false },
        { "an unknown one of HTTP/2's own", false },
        { "a length that is not the body's", false },
        { "no name", false },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public async Task Predict_MetadataThatIsHugeOrBroken_IsAnsweredOrEndsAndOthersAreAnswered(string what, bool isAnswered)
    {
        await using var student = await StartAsync();
        using var raw = await RawConnection.ConnectAsync(student.Channel);
        try
        {
            await raw.CallAsync(1, "Predict", Question, isWhole: true, HeadersOf(what));
        }
        catch (SocketException) when (!isAnswered)
        {
            // The service has ended the connection before all was sent.
        }

        await UntilAsync(() => raw[1].IsOver || raw.IsEnded);
        Assert.Equal(isAnswered, raw[1].IsWhole && raw[1].Bytes > 0);
        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("is it?"))).Label.Text);
        Assert.Empty(student.Errors);
    }

    [Theory]
    [InlineData("StreamPredict")]
    [InlineData("BatchPredict")]
    [InlineData("Predict")]
    [InlineData("Classify")]
    public async Task Kill_CallerInTheMiddleOfACall_FreesWhatItHadWithinAStep(string method)
    {
        await using var student = await StartAsync(new string('x', 1000));
        using var gate = new Gate();
        var steps = 0;
        student.Engine(1).OnStep = _ =>
        {
            if (++steps == 5 || method == "Classify")
            {
                gate.Wait();
            }
        };
        using var raw = await RawConnection.ConnectAsync(student.Channel);
        await raw.CallAsync(1, method, BodyOf(method), isWhole: method != "BatchPredict");
        await UntilAsync(() => student.Engine(1).LiveSequences > 0);
        raw.Kill();
        await UntilAsync(() => student.Get<InferenceGate>().Inside == 0);
        gate.Open();

        await UntilAsync(() => student.Engine(1).LiveSequences + student.Engine(1).LiveEncodings == 0);
        Assert.InRange(steps, 1, 8);
        Assert.Equal(3, (await student.Client.PredictAsync(new PredictRequest { Segments = { "a" }, MaxOutputTokens = 3 })).Label.Text.Length);
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task StreamPredict_CallerWhoIsGoneWhileHeIsWrittenTo_EndsTheCall()
    {
        await using var student = await StartAsync(new string('x', 16_000), "--MaxOutputTokens=16384");
        using var raw = await RawConnection.ConnectAsync(student.Channel, window: 0);
        var request = RawCall.Frame(new StreamPredictRequest { Segments = { "a" }, MaxOutputTokens = 16_000 }.ToByteArray());
        await raw.CallAsync(1, "StreamPredict", request, isWhole: true);
        await UntilAsync(() => student.Engine(1).Passes.Count == 2 && student.Engine(1).LiveSequences + student.Engine(1).LiveEncodings == 0);
        Assert.Equal(1, student.Get<InferenceGate>().Inside);
        await raw.CallAsync(3, "StreamPredict", request, isWhole: true, ("grpc-timeout", "400m"));
        // It may come too late to be read at all.
        await UntilAsync(() => student.Engine(1).Passes.Count == 3 || raw[3].IsOver);
        await raw.ResetAsync(1);
        // The other ends by its deadline.
        await UntilAsync(() => student.Get<InferenceGate>().Inside == 0);
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task Ping_WhileCallsAreSilent_IsAnsweredEveryTimeAndTheyGoOn()
    {
        await using var student = await StartAsync();
        using var raw = await RawConnection.ConnectAsync(student.Channel);
        using var gate = new Gate();
        student.Engine(1).OnStep = _ => gate.Wait();
        await raw.CallAsync(1, "Predict", Question, isWhole: true);
        await raw.CallAsync(3, "StreamPredict", BodyOf("StreamPredict"), isWhole: true);
        await UntilAsync(() => student.Engine(1).LiveSequences > 0);
        // A client that misses an answer ends its connection, and with it every call; one that asks often is no flood.
        for (var asked = 1; asked <= 20; asked++)
        {
            await raw.PingAsync();
            await UntilAsync(() => raw.Answered == asked || raw.IsEnded);
        }

        Assert.False(raw.IsEnded || raw[1].IsOver || raw[3].IsOver);
        gate.Open();
        await UntilAsync(() => raw[1].IsOver && raw[3].IsOver);
        Assert.All(new[] { 1, 3 }, stream => Assert.True(raw[stream].IsWhole && raw[stream].Bytes > 0));
    }

    private static (string Name, string Value)[] HeadersOf(string what) => what switch
    {
        "30,000 characters" => [("x-a", new string('x', 30_000))],
        "60,000 characters" => [("x-a", new string('x', 60_000))],
        "1,000 of them" => [.. Enumerable.Range(0, 1000).Select(i => ($"x-{i}", "1"))],
        "binary that is no base64" => [("x-a-bin", "!!!"), ("grpc-trace-bin", "!")],
        "a deadline that is none" => [("grpc-timeout", "banana")],
        "a deadline of a century" => [("grpc-timeout", "99999999H")],
        "a deadline below zero" => [("grpc-timeout", "-5S")],
        "a trace that is none" => [("traceparent", "00-zz"), ("tracestate", new string('=', 600)), ("baggage", ";;=,")],
        "encodings that are none" => [("grpc-accept-encoding", ",,;q=x"), ("grpc-encoding", "")],
        "no ASCII" => [("x-a", "\u00e9\u4e2d")],
        "capitals" => [("X-A", "1")],
        "a line feed" => [("x-a", "a\r\nb: c")],
        "an unknown one of HTTP/2's own" => [(":a", "1")],
        "a length that is not the body's" => [("content-length", "3")],
        _ => [("", "1")],
    };

    private static byte[] BodyOf(string method) => method switch
    {
        "StreamPredict" => RawCall.Frame(new StreamPredictRequest { Segments = { "a" } }.ToByteArray()),
        "BatchPredict" => RawCall.Frame(new BatchPredictRequest { Id = "1", Request = Ask("a") }.ToByteArray()),
        "Classify" => RawCall.Frame(new ClassifyRequest { Segments = { "a" }, Labels = { "yes", "no", "yellow" } }.ToByteArray()),
        _ => Question,
    };

    private static Task<VersionedStudent> StartAsync(string answer = "yes", params string[] settings) =>
        VersionedStudent.StartAsync(_ => new ScriptedEngine(_ => answer), new() { ["stable"] = 1 }, versions: 1, settings: settings);
}
