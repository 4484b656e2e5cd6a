using System.Text.Json.Nodes;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>One request of a batch.</summary>
/// <param name="Id">The caller's, unique in the batch, 1 to 128 characters; the result carries it.</param>
/// <param name="Body">A chat completion's request, not streamed, as the endpoint takes it.</param>
internal sealed record BatchRequest(string Id, JsonObject Body);
