using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Backends.OpenAi;
using Grpc.Core;

namespace DistillGrpc.Teacher.Backends;

/// <summary>A teacher cannot answer anything now: it cannot be reached, or it refuses whoever asks.</summary>
/// <param name="code">UNAVAILABLE where another try makes sense, else why not.</param>
/// <param name="reason">In UPPER_SNAKE_CASE.</param>
/// <param name="message">For the caller: nothing that the backend said.</param>
/// <param name="inner">For the log.</param>
internal sealed class TeacherFailedException(StatusCode code, string reason, string message, Exception? inner = null) : Exception(message, inner)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    public StatusCode Code => code;

    public string Reason => reason;

    /// <summary>What a log needs besides the message: what lies behind it, where the message does not say it all.</summary>
    public Exception? LogException => Behind(InnerException);

    /// <summary>What the caller gets.</summary>
    public RpcException ToRpc() => code == StatusCode.Unavailable ? RpcFailure.Unavailable(reason, Message, RetryAfter) : RpcFailure.Of(code, reason, Message);

    private static Exception? Behind(Exception? failure) => failure is UpstreamFailure or TeacherFailedException ? Behind(failure.InnerException) : failure;
}
