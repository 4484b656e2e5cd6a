using DistillGrpc.Client;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>Why a job is in its state.</summary>
/// <param name="Code">A google.rpc.Code, 0 where nothing failed.</param>
/// <param name="Reason">In UPPER_SNAKE_CASE, or empty.</param>
/// <param name="Message">For people, or empty.</param>
/// <param name="Field">The field that is to blame, or empty.</param>
internal sealed record JobFailure(int Code, string Reason, string Message, string Field)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    /// <summary>Somebody asked for the state.</summary>
    public static readonly JobFailure None = new(0, "", "", "");

    /// <summary>What a run was ended by.</summary>
    public static JobFailure Of(RpcException failure)
    {
        var (reason, field) = (RpcErrors.Reason(failure) ?? "", RpcErrors.Field(failure) ?? "");
        var message = failure.Status.Detail;
        return new JobFailure((int)failure.StatusCode, reason, field.Length > 0 && message.StartsWith($"{field}: ", StringComparison.Ordinal) ? message[(field.Length + 2)..] : message, field);
    }

    /// <summary>The status of a call that waits for the job.</summary>
    public RpcException ToException() => (StatusCode)Code switch
    {
        StatusCode.InvalidArgument => RpcFailure.InvalidArgument(Field, Message, Reason),
        StatusCode.Unavailable => RpcFailure.Unavailable(Reason, Message, RetryAfter),
        StatusCode.ResourceExhausted => RpcFailure.ResourceExhausted(Reason, Message, TimeSpan.Zero),
        var code => RpcFailure.Of(code == StatusCode.OK ? StatusCode.Cancelled : code, Reason, Message),
    };
}
