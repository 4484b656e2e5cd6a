using DistillGrpc.Modeling.Decoding;

namespace DistillGrpc.Modeling.Tests.Decoding;

public sealed class SamplingTests
{
    private static readonly float[] Logits = [.. Enumerable.Range(0, 24).Select(i => (float)(2.5 * Math.Sin(i * 1.7)))];

    public static TheoryData<double, int, double, double> Filters() => new()
    {
        { 1, 0, 1, 0 },
        { 0.6, 0, 1, 0 },
        { 2, 0, 1, 0 },
        { 1, 5, 1, 0 },
        { 1.3, 1, 1, 0 },
        { 1, 0, 0.7, 0 },
        { 1.5, 0, 0.95, 0 },
        { 1, 0, 1e-6, 0 },
        { 1, 0, 1, 0.2 },
        { 0.8, 12, 0.9, 0.1 },
        { 3, 18, 0.8, 0.4 },
    };

    [Theory]
    [MemberData(nameof(Filters))]
    public void Sample_Filters_DrawFromTheirDistribution(double temperature, int topK, double topP, double minP)
    {
        const int Draws = 20_000;
        var expected = Filtered(Softmax.Of(Logits, temperature), topK, topP, minP);
        using var engine = new ScriptedEngine(Logits.Length, _ => Logits);

        // In calls of 50 samples from one step.
        var counts = new int[Logits.Length];
        for (var seed = 0; seed < Draws / 50; seed++)
        {
            var options = new DecodingOptions { MaxTokens = 1, Answers = 50, Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, Seed = seed };
            foreach (var answer in Writing.Write(engine, [1], options))
            {
                counts[answer.Tokens[0]]++;
            }
        }

        Assert.All(counts.Zip(expected), pair => Assert.False(pair.First > 0 && pair.Second == 0));
        var kept = expected.Count(probability => probability > 0);
        var chiSquare = expected.Zip(counts).Where(pair => pair.First > 0).Sum(pair => Math.Pow(pair.Second - (Draws * pair.First), 2) / (Draws * pair.First));
        // Mean and variance of chi-square are k - 1 and 2 (k - 1); four deviations.
        Assert.InRange(chiSquare, 0, kept - 1 + (4 * Math.Sqrt(2 * (kept - 1))) + 1e-9);
    }

    [Fact]
    public void Sample_SeveralTokens_AreDrawnIndependently()
    {
        const int Draws = 12_000;
        float[] logits = [0, float.MinValue / 4, 0, 0, 0];
        using var engine = new ScriptedEngine(5, _ => logits);
        var counts = new Dictionary<(int, int), int>();
        for (var seed = 0; seed < Draws; seed++)
        {
            var tokens = Writing.Write(engine, [1], new() { MaxTokens = 2, Temperature = 1, Seed = seed })[0].Tokens;
            counts[(tokens[0], tokens[1])] = counts.GetValueOrDefault((tokens[0], tokens[1])) + 1;
        }

        Assert.Equal(16, counts.Count);
        Assert.InRange(counts.Values.Sum(count => Math.Pow(count - (Draws / 16.0), 2) / (Draws / 16.0)), 0, 15 + (4 * Math.Sqrt(30)));
    }

    [Fact]
    public void Sample_SameSeed_GivesTheSameAnswersInAnyCompanyAndAnotherOthers()
    {
        using var engine = ScriptedEngine.Random(60, 9);
        var options = new DecodingOptions { MaxTokens = 15, Temperature = 1, Answers = 3, Seed = 42 };
        var alone = Writing.Write(engine, [1], options);

        var inCompany = Writing.WriteInChangingCompany(engine, [[1], [1], [1]], options, seed: 5);
        var other = Writing.Write(engine, [1], options with { Seed = 43 });

        Assert.All(inCompany, answers => Assert.Equal(alone.Select(answer => answer.Tokens), answers.Select(answer => answer.Tokens)));
        Assert.Equal(3, alone.Select(answer => string.Join(' ', answer.Tokens)).Distinct().Count());
        Assert.NotEqual(alone[0].Tokens, other[0].Tokens);
        Assert.Equal(alone.OrderByDescending(answer => answer.Score), alone);
        Assert.Equal(0, engine.Live);
    }

    [Fact]
    public void Sample_FixedSeed_GivesTheseTokensOnEveryMachine()
    {
        using var engine = new ScriptedEngine(1000, _ => new float[1000]);

        var tokens = Writing.Write(engine, [1], new() { MaxTokens = 6, Temperature = 1, Seed = 2024 })[0].Tokens;

        Assert.Equal(Expected(2024, 6), tokens);
    }

    [Fact]
    public void Sample_LogProbabilities_AreTheModelsNotTheFilters()
    {
        using var engine = ScriptedEngine.Random(30, 11);
        var options = new DecodingOptions { MaxTokens = 8, Temperature = 3, TopK = 4, RepetitionPenalty = 1.5, TopLogProbabilities = 5, Seed = 1 };

        var answer = Writing.Write(engine, [1], options)[0];

        for (var i = 0; i < answer.Tokens.Count; i++)
        {
            var expected = Softmax.Log(engine.LogitsOf([0, .. answer.Tokens.Take(i)]));
            Assert.Equal(expected[answer.Tokens[i]], answer.LogProbabilities[i], 1e-5);
            var others = expected.Index().Where(pair => pair.Index != answer.Tokens[i]).OrderByDescending(pair => pair.Item).Take(4).Select(pair => pair.Index);
            Assert.Equal([answer.Tokens[i], .. others], answer.TopLogProbabilities[i].Select(token => token.Id));
            Assert.All(answer.TopLogProbabilities[i], token => Assert.Equal(expected[token.Id], token.LogProbability, 1e-5));
        }
    }

    // By sorting, in double precision.
    private static double[] Filtered(double[] probabilities, int topK, double topP, double minP)
    {
        var order = probabilities.Index().OrderByDescending(pair => pair.Item).Take(topK == 0 ? int.MaxValue : topK).ToArray();
        var (total, before, nucleus) = (order.Sum(pair => pair.Item), 0.0, new List<(int Index, double Item)>());
        foreach (var pair in order)
        {
            if (nucleus.Count == 0 || before < topP * total)
            {
                nucleus.Add(pair);
            }

            before += pair.Item;
        }

        nucleus.RemoveAll(pair => pair.Item < minP * order[0].Item);
        var filtered = new double[probabilities.Length];
        nucleus.ForEach(pair => filtered[pair.Index] = pair.Item / nucleus.Sum(kept => kept.Item));
        return filtered;
    }

    // SplitMix64, over 1,000 equal tokens.
    private static IEnumerable<int> Expected(ulong seed, int count)
    {
        static ulong Mix(ulong z)
        {
            z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
            z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
            return z ^ (z >> 31);
        }

        var state = Mix(Mix(seed));
        for (var i = 0; i < count; i++)
        {
            state = unchecked(state + 0x9E3779B97F4A7C15);
            yield return (int)((Mix(state) >> 11) / (double)(1UL << 53) * 1000);
        }
    }
}
