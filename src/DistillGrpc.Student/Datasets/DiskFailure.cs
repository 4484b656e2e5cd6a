using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Student.Datasets;

/// <summary>What a caller sees of a disk that does not take what is written.</summary>
internal static class DiskFailure
{
    private const int NoSpace = 28;
    private const int QuotaExceeded = 122;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMinutes(1);

    /// <summary>RESOURCE_EXHAUSTED where the disk is full, else UNAVAILABLE. A file that becomes larger than it may be is an argument out of range to .NET.</summary>
    public static RpcException Of(Exception failure) => failure is IOException { HResult: NoSpace or QuotaExceeded } or ArgumentOutOfRangeException
        ? RpcFailure.ResourceExhausted("DISK_FULL", "The Student's disk is full; nothing was kept.", RetryAfter)
        : RpcFailure.Unavailable("STATE_UNAVAILABLE", "The Student cannot write its state; its log says why.", RetryAfter);
}
