using System.Net;
using System.Net.Sockets;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Client.Tests;

/// <summary>A service that is frozen (SIGSTOP): the kernel still takes connections for it, and nobody answers.</summary>
public sealed class FrozenServiceTests
{
    // What a client sends first (58 bytes), and some of its request.
    private const int AskedBytes = 100;

    // Its settings, and the beginning of the first stream's response: ":status 200", "content-type: application/grpc".
    private static readonly byte[] Settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    private static readonly byte[] Headers = [0, 0, 20, 1, 4, 0, 0, 0, 1, 0x88, 0x0f, 0x10, 16, .. "application/grpc"u8];

    [Fact]
    public async Task Call_ServiceThatIsFrozen_EndsAfterOneTimeoutAndSaysSo()
    {
        var frozen = await Task.WhenAll(AskAsync([]), AskAsync(Settings), AskAsync([.. Settings, .. Headers]));

        Assert.All(frozen, call =>
        {
            Assert.True(RpcErrors.IsSilence(call.Failure), call.Failure.Status.Detail);
            Assert.StartsWith("The service is there, but answers nothing any more", RpcErrors.Describe(call.Failure), StringComparison.Ordinal);
            Assert.Equal(1, call.Connections);
        });
    }

    // It freezes when it has been asked, and has sent this.
    private static async Task<(RpcException Failure, int Connections)> AskAsync(byte[] sent)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var connections = new List<TcpClient>();
        var accepting = AcceptAsync();
        using var channel = DistillChannel.Pinged(new Uri($"http://{listener.LocalEndpoint}"), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await new InferenceClient(channel).StreamPredictAsync(new StreamPredictRequest { Segments = { "x" } }).ToListAsync());
        listener.Stop();
        await accepting;
        connections.ForEach(connection => connection.Dispose());
        return (failure, connections.Count);

        async Task AcceptAsync()
        {
            try
            {
                for (; ; )
                {
                    connections.Add(await listener.AcceptTcpClientAsync());
                    var stream = connections[^1].GetStream();
                    await stream.ReadAtLeastAsync(new byte[1000], AskedBytes);
                    await stream.WriteAsync(sent);
                }
            }
            catch (Exception gone) when (gone is SocketException or IOException)
            {
                // Nobody comes any more, or whoever came has gone before it was sent all.
            }
        }
    }
}
