using Grpc.Core;

namespace DistillGrpc.Hosting;

/// <summary>A stream to a caller who may not stand still for ever.</summary>
internal sealed class WatchedStream<T>(IServerStreamWriter<T> stream, CallPatience patience) : IServerStreamWriter<T>
{
    public WriteOptions? WriteOptions
    {
        get => stream.WriteOptions;
        set => stream.WriteOptions = value;
    }

    public Task WriteAsync(T message) => patience.WatchAsync(stream.WriteAsync(message));

    public Task WriteAsync(T message, CancellationToken cancellationToken) => patience.WatchAsync(stream.WriteAsync(message, cancellationToken));
}
