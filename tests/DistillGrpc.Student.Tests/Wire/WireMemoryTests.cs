using System.IO.Compression;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Operating;
using DistillGrpc.Student.Tests.Operating;
using DistillGrpc.Student.Tests.Serving;
using Google.Protobuf;
using Grpc.Core;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Wire;

/// <summary>What messages and callers cost that are made to cost much. They run alone: what others allocate would count.</summary>
[Collection(nameof(WireMemoryTests))]
public sealed class WireMemoryTests
{
    private const long MaxReceive = 16 << 20;
    private static readonly byte[] Question = new PredictRequest { Segments = { "is it?" } }.ToByteArray();

    [Theory]
    [InlineData("Predict")]
    [InlineData("BatchPredict")]
    public async Task Receive_HalfAMebibyteThatBecomes512_IsRefusedWithinMemory(string method)
    {
        await using var student = await StartAsync();
        await student.Client.PredictAsync(Ask("is it?"));
        var bomb = RawCall.Frame(Bomb(128), flag: 1);
        Assert.InRange(bomb.Length, 100_000, 1 << 20);
        byte[] first = method == "BatchPredict" ? RawCall.Frame(new BatchPredictRequest { Id = "1", Request = Ask("is it?") }.ToByteArray()) : [];
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var answer = await RawCall.SendAsync(student.Channel, method, [.. first, .. bomb], "gzip");

        Assert.Equal(StatusCode.ResourceExhausted, answer.Code);
        // What may come, twice over while a buffer grows, and the frame itself.
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 6 * MaxReceive);
        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("is it?"))).Label.Text);
        Assert.Empty(student.Errors);
    }

    [Fact]
    public async Task Reset_AThousandCallsAsFastAsTheyCanBeSent_HarmsNobodyElseAndKeepsNothing()
    {
        await using var student = await StartAsync();
        student.Engine(1).Records = false;
        await student.Client.PredictAsync(Ask("is it?"));
        using var raw = await RawConnection.ConnectAsync(student.Channel);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        // The service may cut the connection off, or read no further.
        for (var i = 0; i < 1000 && !raw.IsEnded && await IsSentAsync(raw, 1 + (2 * i)); i++)
        {
        }

        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("is it?"))).Label.Text);
        await UntilAsync(() => student.Get<InferenceGate>().Inside == 0 && student.Engine(1).LiveSequences + student.Engine(1).LiveEncodings == 0);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 8 << 20);
    }

    private static async Task<bool> IsSentAsync(RawConnection raw, int stream)
    {
        var sending = SendAsync();
        return await Task.WhenAny(sending, Task.Delay(1000)) == sending && sending.IsCompletedSuccessfully;

        async Task SendAsync()
        {
            await raw.CallAsync(stream, "StreamPredict", RawCall.Frame(Question), isWhole: true);
            await raw.ResetAsync(stream);
        }
    }

    // Pieces of gzip one after another are gzip.
    private static byte[] Bomb(int times)
    {
        using var content = new MemoryStream();
        using (var zip = new GZipStream(content, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            zip.Write(new byte[4 << 20]);
        }

        return [.. Enumerable.Repeat(content.ToArray(), times).SelectMany(part => part)];
    }

    private static Task<VersionedStudent> StartAsync() => VersionedStudent.StartAsync(_ => new ScriptedEngine(_ => "yes"), new() { ["stable"] = 1 }, versions: 1);

    [CollectionDefinition(nameof(WireMemoryTests), DisableParallelization = true)]
    public sealed class Alone;
}
