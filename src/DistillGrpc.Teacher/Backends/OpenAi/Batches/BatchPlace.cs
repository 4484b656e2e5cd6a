namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>Where a question is, and what will have come of that.</summary>
/// <param name="Batch">The batch's key.</param>
/// <param name="Id">The question's name among the batch's requests.</param>
/// <param name="IsOwn">This process submits it for this question.</param>
/// <param name="Outcome">What the batch came to; null where there is no such batch.</param>
internal sealed record BatchPlace(string Batch, string Id, bool IsOwn, Task<BatchOutcome?> Outcome);
