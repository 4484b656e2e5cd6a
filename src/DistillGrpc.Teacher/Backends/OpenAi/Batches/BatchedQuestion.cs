namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>In which batch a question is.</summary>
/// <param name="Batch">The batch's key.</param>
/// <param name="Id">The endpoint's id for it; empty where nobody has written it down.</param>
internal sealed record BatchedQuestion(string Batch, string Id);
