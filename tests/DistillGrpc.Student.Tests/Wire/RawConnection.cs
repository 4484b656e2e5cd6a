using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using Grpc.Net.Client;

namespace DistillGrpc.Student.Tests.Wire;

/// <summary>An HTTP/2 connection whose frames are the test's own: it can do what no client library does.</summary>
internal sealed class RawConnection : IDisposable
{
    private const byte Data = 0, Headers = 1, Reset = 3, Settings = 4, Ping = 6, GoAway = 7, WindowUpdate = 8, Continuation = 9;
    private const byte EndOfStream = 1, Acknowledged = 1, EndOfHeaders = 4;
    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly SemaphoreSlim _writing = new(1);
    private readonly ConcurrentDictionary<int, RawStream> _streams = new();

    private RawConnection()
    {
    }

    /// <summary>The service has ended the connection, or said that it will.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>Pings that the service has answered.</summary>
    public int Answered { get; private set; }

    /// <summary>Whether pings are answered.</summary>
    public bool Pongs { get; set; } = true;

    /// <summary>Connects; the service may send so many bytes of each answer.</summary>
    public static async Task<RawConnection> ConnectAsync(GrpcChannel channel, int window = 65_535)
    {
        var connection = new RawConnection();
        var (host, port) = channel.Target.Split(':') is [var first, var second] ? (first, int.Parse(second)) : throw new InvalidOperationException(channel.Target);
        await connection._socket.ConnectAsync(host, port);
        var settings = new byte[6];
        BinaryPrimitives.WriteUInt16BigEndian(settings, 4);
        BinaryPrimitives.WriteInt32BigEndian(settings.AsSpan(2), window);
        await connection._socket.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await connection.SendAsync(Settings, 0, 0, settings);
        _ = connection.ReadAsync();
        return connection;
    }

    /// <summary>What came for a stream.</summary>
    public RawStream this[int stream] => _streams.GetOrAdd(stream, _ => new RawStream());

    /// <summary>Begins a call.</summary>
    /// <param name="stream">An odd number, higher than those before.</param>
    /// <param name="method">Such as <c>Predict</c>.</param>
    /// <param name="body">What follows the headers at once, or null.</param>
    /// <param name="isWhole">Nothing follows that.</param>
    /// <param name="more">Further headers.</param>
    public async Task CallAsync(int stream, string method, byte[]? body = null, bool isWhole = false, params (string Name, string Value)[] more)
    {
        (string, string)[] headers =
        [
            (":method", "POST"), (":scheme", "http"), (":path", $"/distill.v1.InferenceService/{method}"), (":authority", "student"),
            ("content-type", "application/grpc"), ("te", "trailers"), .. more,
        ];
        var blocks = headers.SelectMany(header => (byte[])[0, .. Text(header.Item1), .. Text(header.Item2)]).Chunk(16_000).ToArray();
        for (var i = 0; i < blocks.Length; i++)
        {
            await SendAsync(i == 0 ? Headers : Continuation, i == blocks.Length - 1 ? EndOfHeaders : (byte)0, stream, blocks[i]);
        }

        if (body is not null)
        {
            await SendAsync(stream, body, isWhole);
        }
    }

    /// <summary>Sends a part of a call's body.</summary>
    public Task SendAsync(int stream, byte[] body, bool isLast = false) => SendAsync(Data, isLast ? EndOfStream : (byte)0, stream, body);

    /// <summary>Ends a call from this side.</summary>
    public Task ResetAsync(int stream) => SendAsync(Reset, 0, stream, [0, 0, 0, 8]);

    /// <summary>Asks whether the service is there.</summary>
    public Task PingAsync() => SendAsync(Ping, 0, 0, new byte[8]);

    /// <summary>Allows the service to send more of an answer, or, of stream 0, in all.</summary>
    public Task AllowAsync(int stream, int bytes)
    {
        var increment = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(increment, bytes);
        return SendAsync(WindowUpdate, 0, stream, increment);
    }

    /// <summary>Goes without a word, as a process that is killed.</summary>
    public void Kill()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Close();
    }

    public void Dispose() => _socket.Dispose();

    // A length below 127, or in the form for longer ones.
    private static byte[] Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var length = new List<byte>();
        if (bytes.Length < 127)
        {
            length.Add((byte)bytes.Length);
        }
        else
        {
            length.Add(127);
            var rest = bytes.Length - 127;
            for (; rest >= 128; rest >>= 7)
            {
                length.Add((byte)(rest | 128));
            }

            length.Add((byte)rest);
        }

        return [.. length, .. bytes];
    }

    private async Task SendAsync(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        (frame[0], frame[1], frame[2]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        await _writing.WaitAsync();
        try
        {
            await _socket.SendAsync(frame);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task ReadAsync()
    {
        try
        {
            using var input = new NetworkStream(_socket);
            var header = new byte[9];
            while (true)
            {
                await input.ReadExactlyAsync(header);
                var payload = new byte[(header[0] << 16) | (header[1] << 8) | header[2]];
                await input.ReadExactlyAsync(payload);
                await TakeAsync(header[3], header[4], BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5)) & int.MaxValue, payload);
            }
        }
        catch (Exception ended) when (ended is IOException or ObjectDisposedException or SocketException)
        {
            IsEnded = true;
        }
    }

    private async Task TakeAsync(byte type, byte flags, int stream, byte[] payload)
    {
        switch (type)
        {
            case Settings when flags == 0:
                await SendAsync(Settings, Acknowledged, 0, []);
                break;
            case Ping when flags == 0 && Pongs:
                await SendAsync(Ping, Acknowledged, 0, payload);
                break;
            case Ping when flags == Acknowledged:
                Answered++;
                break;
            case GoAway:
                IsEnded = true;
                break;
            case Data:
                this[stream].Add(payload, (flags & EndOfStream) != 0);
                break;
            case Headers:
                this[stream].AddHeaders(payload, (flags & EndOfStream) != 0);
                break;
            case Reset:
                this[stream].Reset(BinaryPrimitives.ReadUInt32BigEndian(payload));
                break;
        }
    }
}
