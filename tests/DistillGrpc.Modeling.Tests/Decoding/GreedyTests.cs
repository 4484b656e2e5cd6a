using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Modeling.Tests.Decoding;

public sealed class GreedyTests
{
    [Fact]
    public void Greedy_AnyLogits_WritesTheLikeliestWithItsLogProbability()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            using var engine = ScriptedEngine.Random(3 + (seed * 7), seed);
            var answer = Writing.Write(engine, [1], new() { MaxTokens = 12, TopLogProbabilities = 4 })[0];

            var read = new List<int> { 0 };
            for (var i = 0; i < answer.Tokens.Count; i++)
            {
                var expected = Softmax.Log(engine.LogitsOf(read));
                var likeliest = expected.Index().OrderByDescending(pair => pair.Item).Take(4).ToArray();
                Assert.Equal(likeliest[0].Index, answer.Tokens[i]);
                Assert.Equal(likeliest[0].Item, answer.LogProbabilities[i], 1e-5);
                Assert.Equal(likeliest.Select(pair => pair.Index), answer.TopLogProbabilities[i].Select(token => token.Id));
                Assert.All(answer.TopLogProbabilities[i], token => Assert.Equal(expected[token.Id], token.LogProbability, 1e-5));
                read.Add(answer.Tokens[i]);
            }

            Assert.Equal(answer.LogProbabilities.Sum(value => (double)value), answer.Score, 1e-9);
            Assert.Equal(answer.Tokens[^1] == 1, answer.HasEnded);
            Assert.True(answer.HasEnded || answer.Tokens.Count == 12);
            Assert.Equal(0, engine.Live);
        }
    }

    [Fact]
    public void Greedy_EqualLogits_WritesTheFirstAndPutsItFirst()
    {
        using var engine = new ScriptedEngine(40, _ => new float[40]);

        var answer = Writing.Write(engine, [1], new() { MaxTokens = 2, TopLogProbabilities = 3 })[0];

        Assert.Equal([0, 0], answer.Tokens);
        Assert.Equal([0, 1, 2], answer.TopLogProbabilities[1].Select(token => token.Id));
    }

    [Fact]
    public void Greedy_EndComes_StopsWithIt()
    {
        using var engine = new ScriptedEngine(5, read => read.Count < 3 ? [0, 0, 0, 9, 0] : [0, 9, 0, 0, 0]);

        var answer = Writing.Write(engine, [1], new() { MaxTokens = 9 })[0];

        Assert.Equal([3, 3, 1], answer.Tokens);
        Assert.True(answer.HasEnded);
    }

    [Fact]
    public void Greedy_Prefix_IsReadAndNeitherGivenBackNorCounted()
    {
        using var engine = ScriptedEngine.Random(20, 3);

        var answer = Writing.Write(engine, [1], new() { MaxTokens = 4, Prefix = [7, 8, 9] })[0];

        var written = new List<int>();
        while (written.Count < 4 && !written.Contains(1))
        {
            var logits = engine.LogitsOf([0, 7, 8, 9, .. written]);
            written.Add(Array.IndexOf(logits, logits.Max()));
        }

        Assert.Equal(written, answer.Tokens);
        // Nothing is computed for what is forced.
        Assert.Equal([0, 7, 8, 9], engine.Asked.Take(4).Select(row => row.Token));
        Assert.Equal([0, 0, 0], engine.Asked.Take(3).Select(row => row.Candidates!.Length));
        Assert.All(engine.Asked.Skip(3), row => Assert.Null(row.Candidates));
    }

    [Fact]
    public void Greedy_WithoutLogProbabilities_WritesTheSameAndHasNone()
    {
        using var engine = ScriptedEngine.Random(50, 5);

        var with = Writing.Write(engine, [1], new() { MaxTokens = 20 })[0];
        var without = Writing.Write(engine, [1], new() { MaxTokens = 20, LogProbabilities = false })[0];

        Assert.Equal(with.Tokens, without.Tokens);
        Assert.Empty(without.LogProbabilities);
        Assert.Equal(double.NaN, without.Score);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Greedy_SteadyState_AllocatesNothing(bool logProbabilities)
    {
        const int Vocabulary = 32128;
        using var engine = ScriptedEngine.Random(Vocabulary, 1);
        using var encoding = engine.Encode([[1]])[0];
        using var generation = new Generation(engine, encoding, new() { MaxTokens = 300, LogProbabilities = logProbabilities });
        var (rows, logits) = (new List<StepRow>(4), engine.LogitsOf(0));
        (logits[1], logits[5]) = (-9, 9);

        void Steps(int count)
        {
            for (var i = 0; i < count; i++)
            {
                rows.Clear();
                generation.Collect(rows);
                generation.Take(logits);
            }
        }

        Steps(20);

        Assert.Equal(0, Allocations.Of(() => Steps(70)));
        Assert.Equal(300, generation.Tokens.Count);
        Assert.True(generation.IsDone);
    }

    [Theory]
    [InlineData(float.NaN, 0)]
    [InlineData(float.PositiveInfinity, 30)]
    [InlineData(float.NegativeInfinity, 36)]
    public void Take_LogitThatIsNotFinite_Throws(float value, int place)
    {
        DecodingOptions[] ways = [new() { MaxTokens = 5 }, new() { MaxTokens = 5, Temperature = 1 }, new() { MaxTokens = 5, Beams = 2 }, new() { MaxTokens = 5, RepetitionPenalty = 2 }];
        using var engine = new ScriptedEngine(37, read =>
        {
            var logits = new float[37];
            logits[place] = read.Count == 2 ? value : 0;
            return logits;
        });

        Assert.All(ways, options =>
        {
            using (var encoding = engine.Encode([[1]])[0])
            using (var generation = new Generation(engine, encoding, options))
            {
                Writing.Step(engine, [generation]);
                Assert.Throws<NonFiniteLogitsException>(() => Writing.Step(engine, [generation]));
            }

            Assert.Equal(0, engine.Live);
        });
    }

    [Fact]
    public void Take_LogitsOfAnotherSize_Throws()
    {
        using var engine = ScriptedEngine.Random(10, 0);
        using var encoding = engine.Encode([[1]])[0];
        using var generation = new Generation(engine, encoding, new() { MaxTokens = 5 });

        Assert.Throws<ArgumentException>(() => generation.Take(new float[11]));
        Assert.Throws<InvalidOperationException>(() => generation.Answers);
    }

    [Fact]
    public void Dispose_InTheMiddle_GivesTheSequenceBackAndKeepsWhatIsWritten()
    {
        using var engine = new ScriptedEngine(5, _ => [0, 0, 9, 0, 0]);
        using var encoding = engine.Encode([[1]])[0];
        var generation = new Generation(engine, encoding, new() { MaxTokens = 50 });
        Writing.Step(engine, [generation]);
        Writing.Step(engine, [generation]);

        generation.Dispose();
        generation.Dispose();

        Assert.Equal((0, 0, true), (engine.Live, generation.Rows, generation.IsDone));
        Assert.Equal([2, 2], generation.Tokens);
        Assert.False(generation.Answers[0].HasEnded);
    }
}
