using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Engines.Cpu;

/// <summary>The engine for processors against the model on TorchSharp: the same numbers in float32, near ones in int8, the same in any company.</summary>
public sealed class CpuEngineTests
{
    private static readonly T5Config Plain = new()
    {
        VocabularySize = 300,
        ModelSize = 64,
        HeadSize = 16,
        FeedForwardSize = 96,
        EncoderLayers = 2,
        DecoderLayers = 2,
        Heads = 4,
    };

    internal static readonly int[][] Inputs = [[5, 9, 12, 1], [7, 1], [.. Enumerable.Range(2, 150), 1], [.. Enumerable.Range(100, 31), 1]];

    public static TheoryData<string> Shapes() => [.. Configs.Keys];

    internal static Dictionary<string, T5Config> Configs { get; } = new()
    {
        ["v1.0"] = Plain,
        ["v1.1"] = Plain with { Activation = T5Activation.GeluNew, Gated = true, TiedHead = false, ScaleDecoderOutputs = false },
        ["gelu"] = Plain with { Activation = T5Activation.Gelu },
        ["silu"] = Plain with { Activation = T5Activation.Silu, Gated = true },
        ["uneven"] = Plain with { ModelSize = 40, HeadSize = 24, Heads = 3, FeedForwardSize = 50, VocabularySize = 301 },
        ["usual head"] = Plain with { HeadSize = 64, Heads = 2 },
        ["wide head"] = Plain with { HeadSize = 72, Heads = 2, DecoderLayers = 3 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Step_Float32_GivesTheModelsLogits(string shape)
    {
        using var model = T5Model.Seeded(Configs[shape], 3);
        using var team = new WorkerTeam(2);
        using var engine = new CpuEngine(model, Precision.Float32, team);

        var (expected, actual) = (Reference(model, 7), Logits(engine, Inputs, 7));

        Assert.InRange(Furthest(expected, actual), 0, 2e-4);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Step_Int8_GivesNearlyTheModelsLogits(string shape)
    {
        using var model = T5Model.Seeded(Configs[shape], 3);
        using var team = new WorkerTeam(2);
        using var engine = new CpuEngine(model, Precision.Int8, team);

        var (expected, actual) = (Reference(model, 7), Logits(engine, Inputs, 7));

        // By the logits' own spread: random weights make them large.
        var spread = expected.SelectMany(step => step.SelectMany(row => row)).Max(Math.Abs);
        Assert.InRange(Furthest(expected, actual) / spread, 1e-7, 0.05);
    }

    [Theory]
    [InlineData(Precision.Int8, 1)]
    [InlineData(Precision.Int8, 3)]
    [InlineData(Precision.Float32, 2)]
    public void Step_InAnyCompany_GivesTheVerySameLogits(Precision precision, int threads)
    {
        using var model = T5Model.Seeded(Plain, 4);
        using var team = new WorkerTeam(threads);
        using var engine = new CpuEngine(model, precision, team);
        var many = Enumerable.Range(0, 40).Select(i => Inputs[i % Inputs.Length]).ToArray();

        var together = Logits(engine, many, 5);
        for (var row = 0; row < Inputs.Length; row++)
        {
            var alone = Logits(engine, [Inputs[row]], 5);
            for (var step = 0; step < 5; step++)
            {
                Assert.Equal(alone[step][0], together[step][row + 4]);
            }
        }
    }

    [Fact]
    public void Step_SequencesThatJoinAndLeave_ChangeNothingForTheOthers()
    {
        using var model = T5Model.Seeded(Plain, 5);
        using var engine = new CpuEngine(model, Precision.Int8, null);
        var expected = Logits(engine, [Inputs[0]], 6);
        var encodings = engine.Encode(Inputs);
        using var stays = engine.Start(encodings[0], 6);
        var logits = new float[3 * Plain.VocabularySize];
        for (var step = 0; step < 6; step++)
        {
            using var guest = engine.Start(encodings[1 + step % 3], 9);
            using var other = engine.Fork(guest);
            engine.Step([new(guest, 3), new(stays, Token(step)), new(other, 4)], logits);
            Assert.Equal(expected[step][0], logits.AsSpan(Plain.VocabularySize, Plain.VocabularySize).ToArray());
        }

        Array.ForEach([.. encodings], encoding => encoding.Dispose());
    }

    [Theory]
    [InlineData(Precision.Int8)]
    [InlineData(Precision.Float32)]
    public void Step_WithCandidates_GivesTheirLogitsOfTheWholeVocabulary(Precision precision)
    {
        using var model = T5Model.Seeded(Plain, 6);
        using var engine = new CpuEngine(model, precision, null);
        var expected = Logits(engine, Inputs, 1)[0];
        var encodings = engine.Encode(Inputs);
        using var first = engine.Start(encodings[0], 2);
        using var second = engine.Start(encodings[3], 2);
        int[] candidates = [1, 17, 18, 299];
        foreach (var isMixed in new[] { false, true })
        {
            var logits = Enumerable.Repeat(float.NaN, 2 * Plain.VocabularySize).ToArray();
            using var one = engine.Fork(first);
            using var two = engine.Fork(second);
            engine.Step([new(one, Token(0), candidates), new(two, Token(0), isMixed ? null : candidates)], logits);
            Assert.All(candidates, id => Assert.Equal(expected[0][id], logits[id]));
            Assert.True(float.IsNaN(logits[2]));
            Assert.All(isMixed ? [.. Enumerable.Range(0, 300)] : candidates, id => Assert.Equal(expected[3][id], logits[Plain.VocabularySize + id]));
        }
    }

    [Theory]
    [InlineData(Precision.Int8, true)]
    [InlineData(Precision.Int8, false)]
    [InlineData(Precision.Float32, true)]
    public void Step_ManyRowsOfWhichSomeHaveCandidates_GivesWhatEachGetsAlone(Precision precision, bool usesTiles)
    {
        using var model = T5Model.Seeded(Plain, 11);
        using var engine = new CpuEngine(model, precision, null, usesTiles: usesTiles);
        var expected = Logits(engine, Inputs, 1)[0];
        var encodings = engine.Encode(Inputs);
        // Some have a prefix yet to read, some want candidates, the others the vocabulary.
        StepRow[] rows = [.. Enumerable.Range(0, 40).Select(i => new StepRow(
            engine.Start(encodings[i % Inputs.Length], 2), Token(0), i % 5 == 0 ? [] : i % 5 == 1 ? [3, 17, 299] : null))];
        var logits = Enumerable.Repeat(float.NaN, rows.Length * Plain.VocabularySize).ToArray();

        engine.Step(rows, logits);

        for (var i = 0; i < rows.Length; i++)
        {
            for (var id = 0; id < Plain.VocabularySize; id++)
            {
                var (wanted, actual) = (expected[i % Inputs.Length][id], logits[i * Plain.VocabularySize + id]);
                if (rows[i].Candidates?.Contains(id) ?? true)
                {
                    Assert.Equal(wanted, actual);
                }
                else
                {
                    Assert.True(float.IsNaN(actual));
                }
            }
        }
    }

    [Fact]
    public void Step_WithAndWithoutTiles_GivesTheSameNumbers()
    {
        // Without a processor that has them both are the same engine.
        using var model = T5Model.Seeded(Plain, 12);
        using var with = new CpuEngine(model, Precision.Int8, null);
        using var without = new CpuEngine(model, Precision.Int8, null, usesTiles: false);
        int[][] many = [.. Enumerable.Range(0, 12).SelectMany(_ => Inputs)];

        Assert.Equal(Logits(without, many, 3), Logits(with, many, 3));
    }

    [Fact]
    public void Step_InSteadyState_AllocatesNothing()
    {
        using var model = T5Model.Seeded(Plain, 7);
        using var team = new WorkerTeam(1);
        using var engine = new CpuEngine(model, Precision.Int8, team);
        var encodings = engine.Encode(Inputs);
        var rows = encodings.Select(encoding => new StepRow(engine.Start(encoding, 200), 0)).ToArray();
        var logits = new float[rows.Length * Plain.VocabularySize];
        void Steps(int count)
        {
            for (var i = 0; i < count; i++)
            {
                engine.Step(rows, logits);
            }
        }

        Steps(20);

        Assert.Equal(0, Allocations.Of(() => Steps(40)));
    }

    [Fact]
    public void Step_BeyondTheSequencesLength_IsRefused()
    {
        using var model = T5Model.Seeded(Plain, 8);
        using var engine = new CpuEngine(model, Precision.Int8, null);
        using var sequence = engine.Start(engine.Encode([Inputs[0]])[0], 1);
        var logits = new float[Plain.VocabularySize];
        engine.Step([new(sequence, 0)], logits);

        Assert.Throws<InvalidOperationException>(() => engine.Step([new(sequence, 0)], logits));
    }

    [Fact]
    public void Step_WhatTheModelDoesNotHave_IsRefused()
    {
        using var model = T5Model.Seeded(Plain, 8);
        using var engine = new CpuEngine(model, Precision.Int8, null);
        using var sequence = engine.Start(engine.Encode([Inputs[0]])[0], 4);
        var (size, logits) = (Plain.VocabularySize, new float[2 * Plain.VocabularySize]);

        Assert.Throws<ArgumentException>(() => engine.Encode([[1, size]]));
        Assert.Throws<ArgumentException>(() => engine.Encode([[-1]]));
        Assert.Throws<ArgumentException>(() => engine.Encode([[]]));
        Assert.Empty(engine.Encode([]));
        Assert.Throws<ArgumentException>(() => engine.Step([new(sequence, size)], logits));
        Assert.Throws<ArgumentException>(() => engine.Step([new(sequence, 0, [3, size])], logits));
        Assert.Throws<ArgumentException>(() => engine.Step([new(sequence, 0)], logits.AsSpan(1, size - 1)));
        Assert.Throws<ArgumentException>(() => engine.Step([new(sequence, 0), new(sequence, 0)], logits));
        Assert.Equal(0, sequence.Length);
    }

    [Fact]
    public void Step_OfAnotherEnginesInput_IsRefused()
    {
        using var model = T5Model.Seeded(Plain, 8);
        using var one = new CpuEngine(model, Precision.Int8, null);
        using var other = new CpuEngine(model, Precision.Int8, null);
        var encoding = other.Encode([Inputs[0]])[0];

        Assert.Throws<ArgumentException>(() => one.Start(encoding, 1));
    }

    private static int Token(int step) => 10 + step * 7;

    // [step][row][id], each row reading the same tokens.
    private static float[][][] Logits(CpuEngine engine, int[][] inputs, int steps)
    {
        var (encodings, size) = (engine.Encode(inputs), engine.Config.VocabularySize);
        var sequences = encodings.Select(encoding => engine.Start(encoding, steps)).ToArray();
        var (logits, result) = (new float[inputs.Length * size], new float[steps][][]);
        for (var step = 0; step < steps; step++)
        {
            engine.Step([.. sequences.Select(sequence => new StepRow(sequence, Token(step)))], logits);
            result[step] = [.. Enumerable.Range(0, inputs.Length).Select(row => logits.AsSpan(row * size, size).ToArray())];
        }

        Array.ForEach(sequences, sequence => sequence.Dispose());
        Array.ForEach([.. encodings], encoding => encoding.Dispose());
        return result;
    }

    private static float[][][] Reference(T5Model model, int steps)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        model.eval();
        var mask = PaddedBatch.Mask(Inputs);
        var encoded = model.Encode(PaddedBatch.Pad(Inputs, 0), mask);
        var logits = model.Decode(encoded, mask, tensor([.. Enumerable.Range(0, steps).Select(step => (long)Token(step))]).expand(Inputs.Length, -1));
        return [.. Enumerable.Range(0, steps).Select(step => Enumerable.Range(0, Inputs.Length).Select(row => logits[row][step].clone().data<float>().ToArray()).ToArray())];
    }

    private static double Furthest(float[][][] expected, float[][][] actual) =>
        expected.Zip(actual).SelectMany(step => step.First.Zip(step.Second)).SelectMany(row => row.First.Zip(row.Second)).Max(pair => Math.Abs((double)pair.First - pair.Second));
}
