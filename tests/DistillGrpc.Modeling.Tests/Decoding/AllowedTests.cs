using DistillGrpc.Modeling.Decoding;

namespace DistillGrpc.Modeling.Tests.Decoding;

public sealed class AllowedTests
{
    [Fact]
    public void Next_Beginnings_AreFollowedByWhatIsListed()
    {
        var trie = new TokenTrie([[5, 3, 1], [5, 1], [2, 9, 9, 1], [5, 3, 1], [5, 3, 4, 1]]);

        Assert.Equal([2, 5], trie.Next([]));
        Assert.Equal([1, 3], trie.Next([5]));
        Assert.Equal([1, 4], trie.Next([5, 3]));
        Assert.Equal([9], trie.Next([2]));
        Assert.Empty(trie.Next([5, 1]));
        Assert.Empty(trie.Next([7]));
        Assert.Equal(4, trie.Longest);
    }

    [Fact]
    public void TokenTrie_SequencesThatEndDifferently_AreRefused()
    {
        Assert.Throws<ArgumentException>(() => new TokenTrie([]));
        Assert.Throws<ArgumentException>(() => new TokenTrie([[5, 1], []]));
        Assert.Throws<ArgumentException>(() => new TokenTrie([[5, 1], [5, 2]]));
        Assert.Throws<ArgumentException>(() => new TokenTrie([[5, 1], [1, 5, 1]]));
    }

    [Fact]
    public void Write_SequencesAllowed_OnlyTheyComeOutInEveryWay()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            using var engine = ScriptedEngine.Random(12, seed);
            var random = new Random(seed);
            int[][] labels = [.. Enumerable.Range(0, 1 + (seed % 9)).Select(_ => (int[])[.. Enumerable.Range(0, random.Next(0, 4)).Select(_ => random.Next(2, 12)), 1])];
            var listed = labels.Select(label => string.Join(' ', label)).ToHashSet();
            var options = new DecodingOptions { MaxTokens = 5, Allowed = new TokenTrie(labels), TopLogProbabilities = 3 };
            DecodingOptions[] ways = [options, options with { Temperature = 2, Answers = 5, Seed = seed }, options with { Beams = 4, Answers = 4 }, options with { RepetitionPenalty = 5 }];

            Assert.All(ways.SelectMany(way => Writing.Write(engine, [1], way)), answer =>
            {
                Assert.Contains(string.Join(' ', answer.Tokens), listed);
                Assert.True(answer.HasEnded);
                Assert.Equal(answer.Tokens.Count, answer.LogProbabilities.Count);
                Assert.Equal(answer.Tokens, answer.TopLogProbabilities.Select(tops => tops[0].Id));
            });
            Assert.All(engine.Asked, row => Assert.NotNull(row.Candidates));
            Assert.Equal(0, engine.Live);
        }
    }

    [Fact]
    public void Beams_AsManyAsSequences_GiveThemAllWithProbabilitiesThatAddUpToOne()
    {
        using var engine = ScriptedEngine.Random(30, 2);
        int[][] labels = [[1], [4, 1], [4, 5, 1], [4, 6, 1], [7, 8, 9, 10, 1], [7, 8, 11, 1]];
        var trie = new TokenTrie(labels);

        var answers = Writing.Write(engine, [1], new() { MaxTokens = 5, Beams = 6, Answers = 6, LengthPenalty = 0, Allowed = trie });

        var expected = labels.Select(label => (Label: label, Score: label.Index().Sum(step =>
        {
            var allowed = trie.Next(label.AsSpan(0, step.Index)).ToList();
            var logits = engine.LogitsOf([0, .. label.Take(step.Index)]);
            return Softmax.Log(allowed.Select(id => logits[id]))[allowed.IndexOf(step.Item)];
        }))).OrderByDescending(pair => pair.Score).ToArray();
        Assert.Equal(expected.Select(pair => pair.Label), answers.Select(answer => answer.Tokens));
        Assert.All(expected.Zip(answers), pair => Assert.Equal(pair.First.Score, pair.Second.Score, 1e-5));
        Assert.Equal(1, answers.Sum(answer => Math.Exp(answer.Score)), 1e-5);
    }

    [Fact]
    public void Greedy_NoChoice_CostsNoHeadAndTheEndNoStep()
    {
        using var engine = ScriptedEngine.Random(30, 2);

        var answer = Writing.Write(engine, [1], new() { MaxTokens = 9, Allowed = new TokenTrie([[4, 5, 6, 7, 1], [4, 5, 8, 1]]) })[0];

        Assert.Equal([0, 0, 2], engine.Asked.Take(3).Select(row => row.Candidates!.Length));
        Assert.Equal(answer.Tokens.Count - 1, engine.Asked.Count);
        Assert.Equal(1, answer.Tokens[^1]);
        Assert.Equal(0, answer.LogProbabilities[^1]);
    }

    [Fact]
    public void Greedy_TenThousandLabels_WritesTheBestOfThoseThatBeginAsItDoes()
    {
        const int Vocabulary = 2000;
        var random = new Random(1);
        using var engine = ScriptedEngine.Random(Vocabulary, 8);
        int[][] labels = [.. Enumerable.Range(0, 10_000).Select(_ => (int[])[.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => random.Next(2, Vocabulary)), 1])];

        var answer = Writing.Write(engine, [1], new() { MaxTokens = 8, Allowed = new TokenTrie(labels) })[0];

        var left = labels;
        for (var i = 0; i < answer.Tokens.Count; i++)
        {
            var logits = engine.LogitsOf([0, .. answer.Tokens.Take(i)]);
            var best = left.Select(label => label[i]).MaxBy(id => logits[id]);
            Assert.Equal(best, answer.Tokens[i]);
            left = [.. left.Where(label => label[i] == best)];
        }

        Assert.Contains(left, label => label.SequenceEqual(answer.Tokens));
    }
}
