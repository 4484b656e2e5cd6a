using Microsoft.Extensions.AI;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>What one call asks.</summary>
/// <param name="Turns">The conversation.</param>
/// <param name="MaxTokens">Most tokens to write.</param>
/// <param name="Temperature">Sampling temperature.</param>
/// <param name="TopLogProbabilities">Most likely tokens at each position that come with their log-probability; 0 for none.</param>
/// <param name="Format">What the answer must look like; null for any text.</param>
internal sealed record UpstreamQuestion(IReadOnlyList<ChatMessage> Turns, int MaxTokens, float Temperature, int TopLogProbabilities, ChatResponseFormat? Format);
