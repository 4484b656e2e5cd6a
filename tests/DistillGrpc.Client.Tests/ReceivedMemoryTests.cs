using DistillGrpc.Contracts.V1;
using Google.Protobuf;
using Grpc.Core;

namespace DistillGrpc.Client.Tests;

/// <summary>What answers cost a client that are made to cost much. They run alone: what others allocate would count.</summary>
[Collection(nameof(ReceivedMemoryTests))]
public sealed class ReceivedMemoryTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Receive_DecompressionBomb_IsRefusedWithinMemory(bool isStream)
    {
        await using var service = await HostileService.StartAsync();
        using var channel = DistillChannel.To(service.Address);
        var client = new InferenceClient(channel);
        var bomb = HostileService.Frame(HostileService.Bomb(128), flag: 1);
        service.Say(isStream ? [.. HostileService.Frame(new StreamPredictResponse { Delta = new AnswerDelta { Text = "a" } }.ToByteArray()), .. bomb] : bomb, "gzip");
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var received = new List<string>();

        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            if (!isStream)
            {
                await client.PredictAsync(new PredictRequest { Segments = { "is it?" } });
            }

            await foreach (var part in client.StreamPredictAsync(new StreamPredictRequest { Segments = { "is it?" } }))
            {
                received.Add(part.Delta.Text);
            }
        });

        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
        Assert.Equal(isStream ? ["a"] : [], received);
        // Far less than the 512 MiB that it would become, and buffers grow by doubling.
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 4L * DistillChannel.MaxReceiveBytes);
        service.Say(HostileService.Frame(new PredictResponse { Model = "models/x" }.ToByteArray()));
        Assert.Equal("models/x", (await client.PredictAsync(new PredictRequest { Segments = { "is it?" } })).Model);
    }

    [CollectionDefinition(nameof(ReceivedMemoryTests), DisableParallelization = true)]
    public sealed class Alone;
}
