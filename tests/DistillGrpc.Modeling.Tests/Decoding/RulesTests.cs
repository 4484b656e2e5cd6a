using DistillGrpc.Modeling.Decoding;

namespace DistillGrpc.Modeling.Tests.Decoding;

public sealed class RulesTests
{
    [Theory]
    [InlineData(1.0, 1)]
    [InlineData(1.0, 2)]
    [InlineData(1.0, 3)]
    [InlineData(1.8, 0)]
    [InlineData(0.5, 0)]
    [InlineData(1.3, 2)]
    public void Greedy_Rules_WriteWhatAnIndependentComputationDoes(double penalty, int ngram)
    {
        for (var seed = 0; seed < 30; seed++)
        {
            // Few tokens and a taste that lasts, so that there is repetition to avoid.
            var taste = new Random(seed);
            var constant = Enumerable.Range(0, 9).Select(_ => (float)(taste.NextDouble() * 4) - 2).ToArray();
            using var noise = ScriptedEngine.Random(9, seed, spread: 0.7f);
            using var engine = new ScriptedEngine(9, read => [.. noise.LogitsOf(read).Zip(constant, (a, b) => a + b)]);
            var options = new DecodingOptions { MaxTokens = 12, RepetitionPenalty = penalty, NoRepeatNgram = ngram, Prefix = [4, 5] };

            var answer = Writing.Write(engine, [1], options)[0];

            var history = new List<int> { 0, 4, 5 };
            while (history.Count < 15 && !history.Contains(1))
            {
                var scores = engine.LogitsOf(history).Select((logit, id) => Banned(history, id, ngram) ? double.NegativeInfinity
                    : !history.Contains(id) ? logit : logit < 0 ? logit * penalty : logit / penalty).ToArray();
                history.Add(Array.IndexOf(scores, scores.Max()));
            }

            Assert.Equal(history.Skip(3), answer.Tokens);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Sample_NoRepeatNgram_NeverRepeatsOne(int ngram)
    {
        using var engine = ScriptedEngine.Random(6, 4, spread: 0.5f);
        for (var seed = 0; seed < 20; seed++)
        {
            var tokens = Writing.Write(engine, [1], new() { MaxTokens = 30, Temperature = 1, NoRepeatNgram = ngram, Seed = seed })[0].Tokens;
            int[] all = [0, .. tokens];
            var grams = Enumerable.Range(0, Math.Max(0, all.Length - ngram + 1)).Select(i => string.Join(' ', all.Skip(i).Take(ngram))).ToArray();
            Assert.Equal(grams.Length, grams.Distinct().Count());
        }
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 1)]
    [InlineData(2, 0)]
    public void NoRepeatNgram_NothingLeft_EndsTheAnswer(int beams, double temperature)
    {
        // The end was there already, in the prefix, so after three tokens nothing is left.
        using var engine = ScriptedEngine.Random(5, 0);

        var answer = Writing.Write(engine, [1], new() { MaxTokens = 30, Beams = beams, Temperature = temperature, NoRepeatNgram = 1, Prefix = [1] })[0];

        Assert.Equal([2, 3, 4], answer.Tokens.Order());
        Assert.False(answer.HasEnded);
        Assert.Equal(0, engine.Live);
    }

    private static bool Banned(List<int> history, int id, int ngram)
    {
        string Last(IEnumerable<int> tokens) => string.Join(' ', tokens.TakeLast(ngram));
        return ngram > 0 && history.Count + 1 >= ngram && Enumerable.Range(ngram, Math.Max(0, history.Count - ngram + 1)).Any(end => Last(history.Take(end)) == Last([.. history, id]));
    }
}
