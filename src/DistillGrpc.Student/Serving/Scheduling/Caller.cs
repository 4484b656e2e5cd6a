using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Student.Serving.Scheduling;

/// <summary>Who waits for an answer.</summary>
/// <param name="Priority">How urgently.</param>
/// <param name="Deadline">When nobody waits any more.</param>
/// <param name="CancellationToken">The caller has gone.</param>
internal sealed record Caller(Priority Priority, DateTimeOffset Deadline, CancellationToken CancellationToken)
{
    /// <summary>Who makes a call.</summary>
    public static Caller Of(ServerCallContext context, Priority priority) => new(
        priority,
        context.Deadline == DateTime.MaxValue ? DateTimeOffset.MaxValue : new DateTimeOffset(DateTime.SpecifyKind(context.Deadline, DateTimeKind.Utc)),
        context.CancellationToken);

    /// <summary>Why nobody waits any more, or null.</summary>
    public Exception? Abandoned(DateTimeOffset now) =>
        CancellationToken.IsCancellationRequested ? new OperationCanceledException(CancellationToken)
        : now >= Deadline ? RpcFailure.Of(StatusCode.DeadlineExceeded, "DEADLINE_EXCEEDED", "The deadline passed.")
        : null;
}
