using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>A beam that goes on.</summary>
/// <param name="Sequence">Where the engine stands.</param>
/// <param name="Last">Its last token; null before the first.</param>
/// <param name="Score">Sum of its tokens' scores.</param>
/// <param name="Allowed">What may follow; null: anything.</param>
internal sealed record Beam(T5Sequence Sequence, BeamNode? Last, double Score, TokenTrieNode? Allowed);
