namespace DistillGrpc.Modeling.Decoding;

/// <summary>A token that might come, and how likely.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">Natural logarithm of its probability.</param>
public readonly record struct LikelyToken(int Id, float LogProbability);
