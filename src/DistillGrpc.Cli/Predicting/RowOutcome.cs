using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Cli.Predicting;

/// <summary>What came of a row.</summary>
/// <param name="Id">The row's id.</param>
/// <param name="Refusal">Why it was not answered, for people; null where it was.</param>
/// <param name="ConcernsEveryRow">What an option or the model has caused is so for the next row too: there may be a million of them.</param>
internal readonly record struct RowOutcome(string Id, string? Refusal, bool ConcernsEveryRow)
{
    /// <summary>Of a row that was answered, or refused as a whole.</summary>
    public static RowOutcome Of(string id, RowError? refusal) => refusal is null ? new RowOutcome(id, null, false) : new RowOutcome(
        id,
        FieldOptions.Named(refusal),
        (StatusCode)refusal.Code == StatusCode.NotFound || FieldOptions.Of(refusal.Field) is not null || ((StatusCode)refusal.Code == StatusCode.FailedPrecondition && refusal.Reason != "NO_RATIONALE"));
}
