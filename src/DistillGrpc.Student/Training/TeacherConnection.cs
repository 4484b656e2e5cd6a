using DistillGrpc.Client;
using DistillGrpc.Hosting;
using Grpc.Core;
using Grpc.Net.Client;

namespace DistillGrpc.Student.Training;

/// <summary>The Teacher that is asked while a student is trained.</summary>
internal sealed class TeacherConnection(StudentOptions options, ILogger<TeacherConnection> logger) : IDisposable
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);
    private readonly Lazy<GrpcChannel> _channel = new(() => DistillChannel.To(new Uri(options.Teacher)));

    /// <summary>The channel to it.</summary>
    /// <param name="need">Why a Teacher is needed, as the beginning of a sentence.</param>
    /// <exception cref="RpcException">FAILED_PRECONDITION without a configured Teacher.</exception>
    public ChannelBase Channel(string need) => options.Teacher.Length > 0
        ? _channel.Value
        : throw RpcFailure.FailedPrecondition("NO_TEACHER", $"{need}, and this Student has no Teacher configured (setting Teacher).");

    /// <summary>Whether a call failed because the Teacher cannot be reached: what it refuses has a reason.</summary>
    public static bool IsAway(RpcException failure) => RpcErrors.Reason(failure) is null;

    /// <summary>What a caller hears when the Teacher cannot be reached; why stands in the log.</summary>
    public RpcException Unavailable(RpcException away)
    {
        StudentLog.TeacherLost(logger, away);
        return RpcFailure.Unavailable("TEACHER_UNAVAILABLE", "The Teacher cannot be reached.", RetryAfter);
    }

    public void Dispose()
    {
        if (_channel.IsValueCreated)
        {
            _channel.Value.Dispose();
        }
    }
}
