using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>A call that its service has ended while requests were still written.</summary>
internal static class EndedCall
{
    /// <summary>Whether a write failed because its call has ended: the response says why.</summary>
    /// <remarks>
    /// A write that waits for room when the service resets the stream fails as its connection does, before the call's status
    /// is known (grpc-dotnet 2638).
    /// </remarks>
    public static bool Is(Exception failure) => failure is RpcException or InvalidOperationException or HttpRequestException or IOException;
}
