using Grpc.Core;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>What came of a batch.</summary>
/// <param name="End">How it ended.</param>
/// <param name="Code">Why it failed, in the endpoint's word such as <c>token_limit_exceeded</c>, or empty.</param>
/// <param name="Results">Results by the requests' ids, for all lines that could be read.</param>
/// <param name="Unreadable">Lines that could not.</param>
internal sealed record BatchOutcome(BatchEnd End, string Code, IReadOnlyDictionary<string, BatchResult> Results, int Unreadable)
{
    /// <summary>Why a request has no answer of which the batch says nothing.</summary>
    public const string LineMissing = "BATCH_LINE_MISSING";

    /// <summary>The result of a request; a failure where the batch has none, for a reason that depends on how it ended.</summary>
    public BatchResult ResultOf(string id) => Results.GetValueOrDefault(id) ?? new BatchResult(id, null, Missing());

    private TeacherRowException Missing() => End switch
    {
        BatchEnd.Failed => new(StatusCode.FailedPrecondition, "BATCH_FAILED", $"The teacher's endpoint did not take the batch{(Code.Length > 0 ? $" ({Code})" : "")}."),
        BatchEnd.Expired => new(StatusCode.Unavailable, "BATCH_EXPIRED", "The batch's time was over before this input's turn."),
        BatchEnd.Cancelled => new(StatusCode.Unavailable, "BATCH_CANCELLED", "The batch was cancelled before this input's turn."),
        _ => new(StatusCode.Unavailable, LineMissing, "The batch has no result for this input."),
    };
}
