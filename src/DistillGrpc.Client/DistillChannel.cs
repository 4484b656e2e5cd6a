using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Configuration;

namespace DistillGrpc.Client;

/// <summary>Channels to a Teacher or a Student.</summary>
public static class DistillChannel
{
    /// <summary>Largest message that is received; 64 MiB.</summary>
    public const int MaxReceiveBytes = 64 << 20;

    // A service that takes connections and answers no pings, as one that is frozen, is given up after both; that is INTERNAL, and not tried again:
    // whoever waits would wait as long each time.
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Makes a channel: HTTP/2, kept alive by pings, and calls that failed with UNAVAILABLE before anything came back are
    /// tried four times in all.
    /// </summary>
    /// <param name="address">Such as <c>http://127.0.0.1:5102</c>.</param>
    public static GrpcChannel To(Uri address) => Pinged(address, PingDelay, PingTimeout);

    internal static GrpcChannel Pinged(Uri address, TimeSpan pingDelay, TimeSpan pingTimeout)
    {
        ArgumentNullException.ThrowIfNull(address);
        return GrpcChannel.ForAddress(address, new GrpcChannelOptions
        {
            MaxReceiveMessageSize = MaxReceiveBytes,
            HttpHandler = new SocketsHttpHandler
            {
                ConnectTimeout = TimeSpan.FromSeconds(5),
                KeepAlivePingDelay = pingDelay,
                KeepAlivePingTimeout = pingTimeout,
                EnableMultipleHttp2Connections = true,
            },
            DisposeHttpClient = true,
            ServiceConfig = new ServiceConfig
            {
                MethodConfigs =
                {
                    new MethodConfig
                    {
                        Names = { MethodName.Default },
                        RetryPolicy = new RetryPolicy
                        {
                            MaxAttempts = 4,
                            InitialBackoff = TimeSpan.FromMilliseconds(200),
                            MaxBackoff = TimeSpan.FromSeconds(2),
                            BackoffMultiplier = 2,
                            RetryableStatusCodes = { StatusCode.Unavailable },
                        },
                    },
                },
            },
        });
    }
}
