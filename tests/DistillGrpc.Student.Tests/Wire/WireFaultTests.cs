using System.IO.Compression;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Operating;
using DistillGrpc.Student.Tests.Operating;
using DistillGrpc.Student.Tests.Serving;
using Google.Protobuf;
using Grpc.Core;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Wire;

/// <summary>Messages that cannot be read, over real HTTP/2: the caller is told, the log is quiet, and the next request is answered.</summary>
public sealed class WireFaultTests
{
    private static readonly byte[] Good = new PredictRequest { Segments = { "is it?" } }.ToByteArray();

    /// <summary>What is sent, and what comes back of it.</summary>
    public static TheoryData<string, StatusCode, string> Broken => new()
    {
        { "no protobuf", StatusCode.InvalidArgument, "MALFORMED_MESSAGE" },
        { "a field that is cut", StatusCode.InvalidArgument, "MALFORMED_MESSAGE" },
        { "a length below zero", StatusCode.InvalidArgument, "MALFORMED_MESSAGE" },
        { "deep nesting", StatusCode.InvalidArgument, "MALFORMED_MESSAGE" },
        { "an unknown flag", StatusCode.InvalidArgument, "MALFORMED_MESSAGE" },
        { "gzip that is none", StatusCode.InvalidArgument, "MALFORMED_MESSAGE" },
        { "a frame of 4 GiB", StatusCode.InvalidArgument, "MALFORMED_MESSAGE" },
        { "a frame beyond the limit", StatusCode.ResourceExhausted, "" },
        { "64 MiB as gzip", StatusCode.ResourceExhausted, "" },
        { "a frame that is cut", StatusCode.Internal, "" },
        { "compressed without an encoding", StatusCode.Internal, "" },
        { "an unknown encoding", StatusCode.Unimplemented, "" },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task Predict_MessageThatCannotBeRead_HasAStableCodeAndTheNextIsAnswered(string what, StatusCode code, string reason)
    {
        await using var student = await StartAsync();
        var (body, encoding) = BodyOf(what);
        var answer = await RawCall.SendAsync(student.Channel, "Predict", body, encoding);

        Assert.Equal((code, reason), (answer.Code, answer.Reason));
        Assert.DoesNotContain("Exception", answer.Message, StringComparison.Ordinal);
        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("is it?"))).Label.Text);
        Assert.Empty(student.Errors);
    }

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task BatchPredict_MessageThatCannotBeReadAmongOthers_EndsTheStreamWithAStableCode(string what, StatusCode code, string reason)
    {
        await using var student = await StartAsync();
        var (body, encoding) = BodyOf(what);
        var good = RawCall.Frame(new BatchPredictRequest { Id = "1", Request = Ask("is it?") }.ToByteArray());
        var answer = await RawCall.SendAsync(student.Channel, "BatchPredict", [.. good, .. body], encoding);

        Assert.Equal((code, reason), (answer.Code, answer.Reason));
        Assert.DoesNotContain("Exception", answer.Message, StringComparison.Ordinal);
        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("is it?"))).Label.Text);
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task Predict_AMillionEmptySegments_IsRefusedByTheField()
    {
        await using var student = await StartAsync();
        // Field 2, empty, a million times.
        var body = Enumerable.Range(0, 1_000_000).SelectMany(_ => new byte[] { 0x12, 0 }).ToArray();
        var answer = await RawCall.SendAsync(student.Channel, "Predict", RawCall.Frame(body));

        Assert.Equal((StatusCode.InvalidArgument, "INVALID_FIELD"), (answer.Code, answer.Reason));
        Assert.StartsWith("segments: ", answer.Message, StringComparison.Ordinal);
        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("is it?"))).Label.Text);
    }

    [Fact]
    public async Task Predict_TextThatIsNoUtf8_IsReadWithReplacementsOrRefused()
    {
        await using var student = await StartAsync();
        var answer = await RawCall.SendAsync(student.Channel, "Predict", RawCall.Frame([0x12, 3, 0xC3, 0x28, 0xFF]));

        Assert.Contains(answer.Code, new[] { StatusCode.OK, StatusCode.InvalidArgument });
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task Reset_AThousandCallsOfOneConnection_LeavesNothingBehindAndOthersUnharmed()
    {
        await using var student = await StartAsync();
        using var channel = DistillChannel.To(new Uri($"http://{student.Channel.Target}"));
        var client = new InferenceClient(channel);
        using var gate = new ManualResetEventSlim();
        student.Engine(1).OnStep = _ => gate.Wait(10);
        for (var round = 0; round < 20; round++)
        {
            using var stop = new CancellationTokenSource();
            var calls = Enumerable.Range(0, 50).Select(_ => Record.ExceptionAsync(async () => await client.StreamPredictAsync(AskStream("reset"), stop.Token).ToListAsync())).ToArray();
            await Task.Delay(5);
            await stop.CancelAsync();
            await Task.WhenAll(calls);
        }

        var other = await student.Client.PredictAsync(Ask("is it?"));
        student.Engine(1).OnStep = null;

        Assert.Equal("yes", other.Label.Text);
        await UntilAsync(() => student.Engine(1).LiveSequences + student.Engine(1).LiveEncodings == 0);
        await UntilAsync(() => student.Get<InferenceGate>().Inside == 0);
        Assert.Empty(student.Errors);
    }

    private static (byte[] Body, string? Encoding) BodyOf(string what) => what switch
    {
        "no protobuf" => (RawCall.Frame([0xFF, 0xFF, 0xFF]), null),
        "a field that is cut" => (RawCall.Frame([0x12, 0x7F, (byte)'a']), null),
        "a length below zero" => (RawCall.Frame([0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]), null),
        // Groups of an unknown field, never closed.
        "deep nesting" => (RawCall.Frame([.. Enumerable.Repeat((byte)0x7B, 100_000)]), null),
        "an unknown flag" => (RawCall.Frame(Good, flag: 7), null),
        "gzip that is none" => (RawCall.Frame(Good, flag: 1), "gzip"),
        "64 MiB as gzip" => (RawCall.Frame(Zipped(64 << 20), flag: 1), "gzip"),
        "a frame of 4 GiB" => (RawCall.Frame(Good, length: uint.MaxValue), null),
        "a frame beyond the limit" => (RawCall.Frame(Good, length: 1 << 30), null),
        "a frame that is cut" => (RawCall.Frame(Good, length: (uint)Good.Length + 1), null),
        "compressed without an encoding" => (RawCall.Frame(Good, flag: 1), null),
        _ => (RawCall.Frame(Good, flag: 1), "br"),
    };

    private static byte[] Zipped(int zeros)
    {
        using var content = new MemoryStream();
        using (var zip = new GZipStream(content, CompressionLevel.Fastest))
        {
            zip.Write(new byte[zeros]);
        }

        return content.ToArray();
    }

    private static Task<VersionedStudent> StartAsync() => VersionedStudent.StartAsync(_ => new ScriptedEngine(_ => "yes"), new() { ["stable"] = 1 }, versions: 1);
}
