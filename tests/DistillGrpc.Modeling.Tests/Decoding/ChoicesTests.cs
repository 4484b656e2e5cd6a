using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Tests.Training;
using DistillGrpc.Modeling.Training;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Decoding;

/// <summary>How likely every sequence of a set is.</summary>
public sealed class ChoicesTests
{
    // Some are the beginning of another, one comes twice, one is the end alone.
    private static readonly int[][] Labels = [[1], [4, 1], [4, 5, 1], [4, 6, 1], [4, 1], [7, 8, 9, 10, 1], [7, 8, 11, 1], [12, 13, 14, 1]];
    private static readonly int[][] Prefixes = [[], [20, 21]];

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(64, 1)]
    [InlineData(3, 0.25)]
    [InlineData(3, 4)]
    public void LogProbabilities_Set_AreProductsOfTheSoftmaxOverWhatMayFollow(int rows, double temperature)
    {
        using var engine = ScriptedEngine.Random(30, 2);
        var trie = new TokenTrie(Labels);

        var found = Weigh(engine, trie, rows).LogProbabilities(temperature);

        Assert.Equal(Labels.Length - 1, trie.Sequences.Count);
        var expected = trie.Sequences.Select(label => label.Index().Sum(step =>
        {
            var allowed = trie.Next(label.AsSpan(0, step.Index)).ToList();
            var logits = engine.LogitsOf([0, .. label.Take(step.Index)]);
            return Math.Log(Softmax.Of(allowed.Select(id => logits[id]), temperature)[allowed.IndexOf(step.Item)]);
        }));
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
        Assert.Equal(1, found.Sum(Math.Exp), 1e-12);
        Assert.Equal(0, engine.Live);
    }

    [Fact]
    public void Weigh_SetsOfAllShapes_ReadsEveryBeginningOnceWithinItsRows()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            using var engine = ScriptedEngine.Random(12, seed);
            var (random, rows) = (new Random(seed), 1 + (seed % 7));
            var trie = new TokenTrie([.. Enumerable.Range(0, 1 + random.Next(40)).Select(_ => (int[])[.. Enumerable.Range(0, random.Next(0, 6)).Select(_ => random.Next(2, 12)), 1])]);
            var (most, live) = (0, 0);
            var options = Options(trie, rows);
            using var generation = new Generation(engine, engine.Encode([[5, 1]])[0], options);
            while (!generation.IsDone)
            {
                (most, live) = (Math.Max(most, generation.Rows), Math.Max(live, engine.Live));
                Writing.Step(engine, [generation]);
            }

            Assert.Equal(trie.Decisions, engine.Asked.Count);
            Assert.InRange(most, 0, options.Rows);
            Assert.InRange(live * (long)(options.Prefix.Count + trie.DecisionLength), 0, options.SequenceTokens);
            Assert.Equal(1, generation.Choices.LogProbabilities(0.7).Sum(Math.Exp), 1e-12);
            Assert.Equal(0, engine.Live);
        }
    }

    [Fact]
    public void Weigh_OneSequence_IsCertainAndCostsNoStep()
    {
        using var engine = ScriptedEngine.Random(30, 2);

        Assert.Equal([0], Weigh(engine, new TokenTrie([[4, 5, 1], [4, 5, 1]]), 8).LogProbabilities());
        Assert.Empty(engine.Asked);
        Assert.Equal(0, engine.Live);
    }

    [Fact]
    public void Weigh_SetThatDiffersEarly_ReadsNothingBehindThat()
    {
        using var engine = ScriptedEngine.Random(30, 2);
        var trie = new TokenTrie([[4, 5, 6, 7, 8, 1], [9, 5, 6, 7, 8, 1]]);

        Weigh(engine, trie, 8);

        Assert.Equal([4, 9], Assert.Single(engine.Asked).Candidates!);
        Assert.Equal((1, 1), (trie.Decisions, trie.DecisionLength));
    }

    [Fact]
    public void Weigh_ThousandsOfSequences_AddUpToOne()
    {
        var random = new Random(1);
        using var engine = ScriptedEngine.Random(200, 8);
        var trie = new TokenTrie([.. Enumerable.Range(0, 5000).Select(_ => (int[])[.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => random.Next(2, 200)), 1])]);

        var found = Weigh(engine, trie, 64).LogProbabilities();

        Assert.Equal(trie.Sequences.Count, found.Length);
        Assert.Equal(1, found.Sum(Math.Exp), 1e-9);
        Assert.Equal(trie.Decisions, engine.Asked.Count);
    }

    [Fact]
    public void Weigh_LogitsThatAreNoNumbers_AreRefusedAndNothingIsLeft()
    {
        using var engine = new ScriptedEngine(30, read => [.. Enumerable.Repeat(read is [.., 4, 5] ? float.NaN : 0, 30)]);
        var trie = new TokenTrie([[4, 5, 1], [4, 5, 6, 1], [4, 7, 8, 1], [4, 7, 9, 1], [10, 11, 1], [10, 12, 1]]);

        Assert.Throws<NonFiniteLogitsException>(() => Weigh(engine, trie, 2));
        Assert.Equal(0, engine.Live);
    }

    [Fact]
    public void Validate_ChoicesWithoutASet_AreRefused() =>
        Assert.Equal("choice_rows", Assert.Throws<ArgumentException>(() => new DecodingOptions { MaxTokens = 5, ChoiceRows = 4 }.Validate()).ParamName);

    [Theory]
    [InlineData(EngineKind.Torch, 1)]
    [InlineData(EngineKind.Cpu, 1)]
    [InlineData(EngineKind.Cpu, 64)]
    public void LogProbabilities_TinyModel_AreThoseOfTheModelLabelByLabel(EngineKind kind, int rows)
    {
        using var model = Tiny.Model();
        using var team = new WorkerTeam(1);
        using IT5Engine engine = kind == EngineKind.Torch ? new TorchEngine(model, ownsModel: false) : new CpuEngine(model, Precision.Float32, team);
        var trie = new TokenTrie(Labels);
        var inputs = Tiny.Rows(5, seed: 3).Select(row => row.Input).ToArray();

        var found = BatchDecoder.Choices(engine, inputs, [.. inputs.Select((_, i) => Options(trie, rows) with { Prefix = Prefixes[i % 2] })]);

        // Each label by itself, read as it stands by the model without an engine.
        for (var i = 0; i < inputs.Length; i++)
        {
            var expected = trie.Sequences.Select(label => Alone(model, new TaskRow(inputs[i], label) { DecoderPrefix = Prefixes[i % 2] }, trie));
            Assert.All(expected.Zip(found[i].LogProbabilities()), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        }
    }

    private static double Alone(T5Model model, TaskRow row, TokenTrie trie)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var logits = Tiny.Logits(model, row);
        return row.Target.Index().Sum(step =>
        {
            var allowed = trie.Next(row.Target.AsSpan(0, step.Index)).ToList();
            return Softmax.Log(allowed.Select(id => logits[step.Index][id].item<float>()))[allowed.IndexOf(step.Item)];
        });
    }

    private static DecodingOptions Options(TokenTrie trie, int rows) => new() { MaxTokens = trie.Longest, Allowed = trie, ChoiceRows = rows };

    private static ChoiceLogits Weigh(IT5Engine engine, TokenTrie trie, int rows) => BatchDecoder.Choices(engine, [[5, 1]], [Options(trie, rows)])[0];
}
