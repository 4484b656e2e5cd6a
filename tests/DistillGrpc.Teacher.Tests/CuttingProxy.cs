using System.Net;
using System.Net.Sockets;

namespace DistillGrpc.Teacher.Tests;

/// <summary>Stands between a client and PostgreSQL, and can cut the line when a commit was carried out and before the client hears of it.</summary>
internal sealed class CuttingProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _server;
    private Func<Task>? _beforeCut;

    public CuttingProxy(int server)
    {
        _server = server;
        _listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>Where it listens.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Cuts the next commit.</summary>
    /// <param name="before">What happens between the commit and the cut.</param>
    public void CutNextCommit(Func<Task> before) => Volatile.Write(ref _beforeCut, before);

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync());
            }
        }
        catch (Exception stopped) when (stopped is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient();
        using var both = client;
        await server.ConnectAsync(IPAddress.Loopback, _server);
        var cut = default(Func<Task>);
        await Task.WhenAny(
            CopyAsync(client.GetStream(), server.GetStream(), bytes =>
            {
                // Not in READ COMMITTED.
                cut ??= bytes.AsSpan().IndexOf("COMMIT\0"u8) >= 0 ? Interlocked.Exchange(ref _beforeCut, null) : null;
                return Task.FromResult(true);
            }),
            CopyAsync(server.GetStream(), client.GetStream(), async _ =>
            {
                await (cut?.Invoke() ?? Task.CompletedTask);
                return cut is null;
            }));
    }

    private static async Task CopyAsync(NetworkStream from, NetworkStream to, Func<byte[], Task<bool>> isPassed)
    {
        try
        {
            var buffer = new byte[65536];
            while (await from.ReadAsync(buffer) is > 0 and var count && await isPassed(buffer[..count]))
            {
                await to.WriteAsync(buffer.AsMemory(0, count));
            }
        }
        catch (Exception closed) when (closed is IOException or ObjectDisposedException)
        {
        }
    }
}
