using Google.Protobuf;
using Grpc.Core;

namespace DistillGrpc.Hosting;

/// <summary>A caller's stream of messages, in which one that cannot be read is the caller's failure and not the service's.</summary>
internal sealed class ReadableStream<T>(IAsyncStreamReader<T> stream) : IAsyncStreamReader<T>
{
    public T Current => stream.Current;

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        try
        {
            return await stream.MoveNext(cancellationToken);
        }
        catch (Exception broken) when (broken is InvalidProtocolBufferException or InvalidDataException or IOException)
        {
            throw MalformedMessage.Failure();
        }
    }
}
