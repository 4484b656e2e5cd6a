using DistillGrpc.Contracts.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;

namespace DistillGrpc.Client.Tests;

/// <summary>A stream that is reset while a request waits for room: the caller gets the status of the call, not the connection's failure.</summary>
public sealed class EndedCallTests
{
    // More than a connection takes unread, so that it is not written when the stream is reset.
    private static readonly string Large = new('x', 4 << 20);

    [Fact]
    public async Task Upload_StreamResetWhileARowIsWritten_FailsWithAStatus()
    {
        await using var service = await ResettingAsync();
        using var channel = DistillChannel.To(service.Address);

        var failure = await Assert.ThrowsAsync<RpcException>(() => new DatasetClient(channel).UploadAsync(new UploadSpec(), new[] { new Example { Id = "1", Segments = { Large } } }.ToAsyncEnumerable()));

        Assert.Equal(StatusCode.Internal, failure.StatusCode);
    }

    [Fact]
    public async Task Batch_StreamResetWhileARequestIsWritten_FailsWithAStatus()
    {
        await using var service = await ResettingAsync();
        using var channel = DistillChannel.To(service.Address);

        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
            await new InferenceClient(channel).BatchPredictAsync(new[] { new BatchPredictRequest { Id = "1", Request = new PredictRequest { Segments = { Large } } } }.ToAsyncEnumerable()).ToListAsync());

        Assert.Equal(StatusCode.Internal, failure.StatusCode);
    }

    private static async Task<HostileService> ResettingAsync()
    {
        var service = await HostileService.StartAsync();
        service.Says = async context =>
        {
            // The request has begun to be written.
            await context.Request.BodyReader.ReadAtLeastAsync(1000);
            context.Features.GetRequiredFeature<IHttpResetFeature>().Reset(2);
        };
        return service;
    }
}
