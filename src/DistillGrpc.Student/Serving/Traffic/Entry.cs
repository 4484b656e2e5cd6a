using DistillGrpc.Student.Serving.Scheduling;

namespace DistillGrpc.Student.Serving.Traffic;

/// <summary>A request that was let in.</summary>
/// <param name="Route">Who answers it.</param>
/// <param name="Lease">Its place there, the caller's to dispose; null where there is an answer without it.</param>
/// <param name="GivenRationale">The rationale that the label is read from: the request's, or else the Teacher's; empty for a model that reads it from none.</param>
internal sealed record Entry(Route Route, ServingLease? Lease, string GivenRationale);
