namespace DistillGrpc.Modeling.Decoding;

/// <summary>The likeliest tokens of a step.</summary>
internal static class TopTokens
{
    /// <summary>The token that was written, then the likeliest others, best first; of equals the lower id first.</summary>
    /// <param name="logits">Logits; of some ids only, those.</param>
    /// <param name="ids">Their ids; null: every id has a logit.</param>
    /// <param name="written">Where the written token is.</param>
    /// <param name="count">How many, the written one included.</param>
    /// <param name="logSum">Logarithm of the sum of the logits' exponentials.</param>
    public static LikelyToken[] Of(ReadOnlySpan<float> logits, int[]? ids, int written, int count, double logSum)
    {
        var top = new LikelyToken[Math.Min(count, logits.Length)];
        top[0] = new(written, logits[written]);
        var filled = 1;
        for (var i = 0; i < logits.Length; i++)
        {
            if (i != written && (filled < top.Length || (filled > 1 && logits[i] > top[^1].LogProbability)))
            {
                var place = filled < top.Length ? filled++ : top.Length - 1;
                for (; place > 1 && top[place - 1].LogProbability < logits[i]; place--)
                {
                    top[place] = top[place - 1];
                }

                top[place] = new(i, logits[i]);
            }
        }

        return Array.ConvertAll(top, token => new LikelyToken(ids?[token.Id] ?? token.Id, (float)(token.LogProbability - logSum)));
    }
}
