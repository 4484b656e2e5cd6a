using System.Text.RegularExpressions;
using DistillGrpc.Client;
using Grpc.Core;

namespace DistillGrpc.Teacher.Backends.Student;

/// <summary>What a failed call to a Student means. Nothing that the Student said gets through, but the name of a field.</summary>
internal static partial class StudentFailure
{
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(20);

    /// <summary>After which time a Student that is busy wants to be asked again; null where it is not that.</summary>
    public static TimeSpan? WaitOf(RpcException failure) =>
        failure.StatusCode != StatusCode.ResourceExhausted || RpcErrors.RetryDelay(failure) is not { } wait ? null
        : wait > ShortestWait ? wait
        : ShortestWait;

    /// <summary>The same failure as a teacher's.</summary>
    public static Exception Of(RpcException failure) => failure.StatusCode switch
    {
        StatusCode.Unavailable => Unreachable(failure),
        // What has no reason came from no service of ours: it is the library's, about the connection.
        StatusCode.Internal when RpcErrors.Reason(failure) is null => Unreachable(failure),
        StatusCode.NotFound or StatusCode.FailedPrecondition or StatusCode.Unimplemented =>
            new TeacherFailedException(StatusCode.FailedPrecondition, "TEACHER_NOT_THERE", "The teacher's Student has no such model, or cannot serve it.", failure),
        StatusCode.Unauthenticated or StatusCode.PermissionDenied =>
            new TeacherFailedException(StatusCode.FailedPrecondition, "TEACHER_DENIED", "The teacher's Student does not answer this Teacher.", failure),
        StatusCode.InvalidArgument => Refused(FieldOf(failure)),
        StatusCode.DeadlineExceeded => new TeacherRowException(StatusCode.DeadlineExceeded, "TEACHER_TIMEOUT", "The teacher's Student did not answer in time."),
        StatusCode.ResourceExhausted when WaitOf(failure) is not null =>
            new TeacherRowException(StatusCode.Unavailable, "TEACHER_THROTTLED", "The teacher's Student has no place for this input in the time that there is."),
        StatusCode.ResourceExhausted => new TeacherRowException(StatusCode.ResourceExhausted, "TEACHER_REFUSED_INPUT", "The input is longer than the teacher's Student takes."),
        var other => new TeacherRowException(StatusCode.Unavailable, "TEACHER_FAILED", $"The teacher's Student failed on this input ({other})."),
    };

    private static TeacherFailedException Unreachable(RpcException failure) =>
        new(StatusCode.Unavailable, "TEACHER_UNREACHABLE", "The teacher's Student cannot be reached now.", failure);

    private static TeacherRowException Refused(string field) => new(
        StatusCode.InvalidArgument, "TEACHER_REFUSED_INPUT", field.Length > 0 ? $"The teacher's Student refuses this input ({field})." : "The teacher's Student refuses this input.", field);

    private static string FieldOf(RpcException failure) => RpcErrors.Field(failure) is { } field && FieldName().IsMatch(field) ? field : "";

    [GeneratedRegex(@"^[a-z_.]{1,64}\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex FieldName();
}
