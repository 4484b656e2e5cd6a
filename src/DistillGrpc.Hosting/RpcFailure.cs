using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;

namespace DistillGrpc.Hosting;

/// <summary>The failures that a caller gets to see: a status with <c>google.rpc</c> details, and nothing of the inside.</summary>
public static class RpcFailure
{
    /// <summary>The domain of every reason.</summary>
    public const string Domain = "distill-grpc";

    /// <summary>Refuses a request by one of its fields.</summary>
    /// <param name="condition">What must be true.</param>
    /// <param name="field">The field.</param>
    /// <param name="message">What is wrong with it, as the end of a sentence that begins with the field.</param>
    /// <exception cref="RpcException">INVALID_ARGUMENT, where it is not true.</exception>
    public static void Require(bool condition, string field, string message)
    {
        if (!condition)
        {
            throw InvalidArgument(field, message);
        }
    }

    /// <summary>INVALID_ARGUMENT, with the field.</summary>
    public static RpcException InvalidArgument(string field, string message, string reason = "INVALID_FIELD")
    {
        var violation = new BadRequest();
        violation.FieldViolations.Add(new BadRequest.Types.FieldViolation { Field = field, Description = message });
        return Make(Code.InvalidArgument, reason, $"{field}: {message}", violation);
    }

    /// <summary>INVALID_ARGUMENT for several reasons, such as the rows that were refused; each is said by itself.</summary>
    public static RpcException InvalidArgument(IReadOnlyList<(string Field, string Message)> violations, string message, string reason)
    {
        var bad = new BadRequest();
        bad.FieldViolations.AddRange(violations.Select(violation => new BadRequest.Types.FieldViolation { Field = violation.Field, Description = violation.Message }));
        return Make(Code.InvalidArgument, reason, message, bad);
    }

    /// <summary>NOT_FOUND.</summary>
    public static RpcException NotFound(string reason, string message) => Make(Code.NotFound, reason, message);

    /// <summary>ALREADY_EXISTS.</summary>
    public static RpcException AlreadyExists(string reason, string message) => Make(Code.AlreadyExists, reason, message);

    /// <summary>FAILED_PRECONDITION.</summary>
    public static RpcException FailedPrecondition(string reason, string message) => Make(Code.FailedPrecondition, reason, message);

    /// <summary>UNAVAILABLE, with the time after which another try makes sense.</summary>
    public static RpcException Unavailable(string reason, string message, TimeSpan retryAfter) =>
        Make(Code.Unavailable, reason, message, Retry(retryAfter));

    /// <summary>RESOURCE_EXHAUSTED, with the time after which another try makes sense.</summary>
    public static RpcException ResourceExhausted(string reason, string message, TimeSpan retryAfter) =>
        Make(Code.ResourceExhausted, reason, message, Retry(retryAfter));

    /// <summary>Any other code, where another try makes no sense by itself.</summary>
    public static RpcException Of(StatusCode code, string reason, string message) => Make((Code)code, reason, message);

    /// <summary>INTERNAL, without a word about why: the log has that.</summary>
    public static RpcException Internal() => Make(Code.Internal, "INTERNAL", "The service failed; its log says why.");

    private static RetryInfo Retry(TimeSpan after) => new() { RetryDelay = Duration.FromTimeSpan(after) };

    private static RpcException Make(Code code, string reason, string message, params IMessage[] details)
    {
        var status = new Google.Rpc.Status { Code = (int)code, Message = message };
        status.Details.Add(Any.Pack(new ErrorInfo { Reason = reason, Domain = Domain }));
        status.Details.AddRange(details.Select(Any.Pack));
        return status.ToRpcException();
    }
}
