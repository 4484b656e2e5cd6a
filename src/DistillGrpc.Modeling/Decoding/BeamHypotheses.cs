namespace DistillGrpc.Modeling.Decoding;

/// <summary>The best answers of a beam search so far, as many as beams; follows Hugging Face's <c>BeamHypotheses</c>.</summary>
internal sealed class BeamHypotheses(DecodingOptions options)
{
    private readonly List<(double Score, BeamNode? Last, bool HasEnded)> _kept = [];

    // Best first; of equals the earlier.
    public IEnumerable<GeneratedAnswer> Best => _kept.OrderByDescending(kept => kept.Score).Take(options.Answers).Select(kept => new GeneratedAnswer(
        BeamNode.ToArray(kept.Last, node => node.Token),
        kept.Score,
        BeamNode.ToArray(kept.Last, node => node.LogProbability),
        options.TopLogProbabilities > 0 ? BeamNode.ToArray(kept.Last, node => node.Top!) : [],
        kept.HasEnded));

    // The end-of-sequence token counts.
    public void Add(BeamNode? last, double score, bool hasEnded)
    {
        var answer = (Score: score / Norm(Math.Max(BeamNode.LengthOf(last), 1)), last, hasEnded);
        if (_kept.Count == options.Beams)
        {
            var worst = _kept.MinBy(kept => kept.Score);
            if (answer.Score <= worst.Score)
            {
                return;
            }

            _kept.Remove(worst);
        }

        _kept.Add(answer);
    }

    // Whether beams of a length, the best of which has a score, can still bring a better answer.
    public bool IsDone(double bestScore, int length) =>
        _kept.Count == options.Beams && (options.EarlyStopping || _kept.Min(kept => kept.Score) >= bestScore / Norm(length));

    private double Norm(int length) => Math.Pow(length, options.LengthPenalty);
}
