namespace DistillGrpc.Modeling.Decoding;

/// <summary>An answer that is written.</summary>
/// <param name="Tokens">Its tokens, the end-of-sequence token included where it came; not the forced prefix.</param>
/// <param name="Score">The sum of its tokens' log-probabilities; of beam search, that of the rules' scores divided by length to the length penalty, as Hugging Face's <c>sequences_scores</c>.</param>
/// <param name="LogProbabilities">For every token the logarithm of the probability that the model gives it, natural, before temperature, filters and penalties.</param>
/// <param name="TopLogProbabilities">For every token itself, then the likeliest others, best first, likewise; empty where none were asked for.</param>
/// <param name="HasEnded">Whether it ended by itself, not at the limit.</param>
public sealed record GeneratedAnswer(
    IReadOnlyList<int> Tokens,
    double Score,
    IReadOnlyList<float> LogProbabilities,
    IReadOnlyList<IReadOnlyList<LikelyToken>> TopLogProbabilities,
    bool HasEnded);
