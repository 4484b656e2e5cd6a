using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Tests.Decoding;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Engines;

public sealed class TorchEngineTests
{
    private static readonly int[][] Inputs = [[17, 5, 1], [1], [30, 31, 32, 33, 34, 35, 36, 37, 1]];

    [Fact]
    public void Write_AnyWay_LeavesNoTensor()
    {
        long Live() => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        var before = Live();
        IReadOnlyList<IDisposable> unfinished;
        using (var engine = TorchEngine.Load(EngineCase.Directory("t5-tiny-test")))
        {
            var idle = Live();
            DecodingOptions[] ways =
            [
                new() { MaxTokens = 40, TopLogProbabilities = 2 },
                new() { MaxTokens = 40, Beams = 3, Answers = 3 },
                new() { MaxTokens = 40, Temperature = 1, Answers = 4, Prefix = [7, 8] },
                new() { MaxTokens = 40, Allowed = new TokenTrie([[5, 6, 1], [7, 1], [7, 8, 1]]) },
            ];
            foreach (var way in ways)
            {
                BatchDecoder.Decode(engine, Inputs, way);
                Writing.WriteInChangingCompany(engine, Inputs, way, seed: 3);
                Assert.Equal(idle, Live());
            }

            var encodings = engine.Encode(Inputs);
            unfinished = [engine.Start(encodings[0], 3), .. encodings, engine.Start(encodings[2], 3)];
        }

        // The engine may go first.
        Assert.All(unfinished, one => one.Dispose());
        Assert.Equal(before, Live());
    }

    [Fact]
    public void Encode_Encodings_KeepTheirOwnMemoryOnly()
    {
        using var engine = TorchEngine.Load(EngineCase.Directory("t5-tiny-test"));
        var live = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        var encodings = engine.Encode(Inputs);
        using var sequence = engine.Start(encodings[0], 2);
        foreach (var encoding in encodings)
        {
            encoding.Dispose();
            encoding.Dispose();
        }

        // The sequence holds its input, and has caches: two layers of four, two biases.
        Assert.Equal(live + 4 + 8 + 2, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
        Assert.Equal([3, 1, 9], encodings.Select(encoding => encoding.Length));
        sequence.Dispose();
        Assert.Equal(live, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
        Assert.Empty(engine.Encode([]));
    }

    [Fact]
    public void Step_WhatDoesNotFit_IsRefusedAndNothingMoves()
    {
        using var engine = TorchEngine.Load(EngineCase.Directory("t5-tiny-test"));
        using var other = TorchEngine.Load(EngineCase.Directory("t5-tiny-test"));
        using var encoding = engine.Encode([[5, 1]])[0];
        using var sequence = engine.Start(encoding, 1);
        var gone = engine.Start(encoding, 1);
        gone.Dispose();
        var size = engine.Config.VocabularySize;
        var logits = new float[2 * size];

        Assert.Throws<ArgumentException>(() => engine.Encode([[]]));
        Assert.Throws<ArgumentException>(() => engine.Encode([[size]]));
        Assert.Throws<ArgumentOutOfRangeException>(() => engine.Start(encoding, 0));
        Assert.Throws<ArgumentException>(() => engine.Step([new(sequence, size)], logits));
        Assert.Throws<ArgumentException>(() => engine.Step([new(sequence, -1)], logits));
        Assert.Throws<ArgumentException>(() => engine.Step([new(sequence, 0), new(sequence, 0)], logits));
        Assert.Throws<ArgumentException>(() => engine.Step([new(sequence, 0)], logits.AsSpan(1, size - 1)));
        Assert.Throws<ArgumentException>(() => engine.Step([new(gone, 0)], logits));
        Assert.Throws<ArgumentException>(() => other.Step([new(sequence, 0)], logits));
        Assert.Equal(0, sequence.Length);
        engine.Step([], logits);
        engine.Step([new(sequence, 0)], logits);
        Assert.Equal(1, sequence.Length);
        Assert.Throws<InvalidOperationException>(() => engine.Step([new(sequence, 0)], logits));
    }

    [Fact]
    public void Step_SlotOfASequenceThatBroke_IsCleanForTheNext()
    {
        using var model = T5Checkpoint.Load(EngineCase.Directory("t5-tiny-test"));
        using var engine = new TorchEngine(model, ownsModel: false);
        var expected = BatchDecoder.Decode(engine, Inputs, new() { MaxTokens = 8 });
        T5Sequence[] broken = [.. engine.Encode(Inputs).Select(encoding => engine.Start(encoding, 12))];
        using (no_grad())
        {
            // For a while every number is NaN.
            var weight = model.get_parameter("decoder.block.0.layer.0.SelfAttention.v.weight")!;
            using var good = weight.clone();
            weight.fill_(double.NaN);
            var logits = new float[broken.Length * engine.Config.VocabularySize];
            for (var i = 0; i < 12; i++)
            {
                engine.Step([.. broken.Select(sequence => new StepRow(sequence, 5))], logits);
            }

            Assert.All(logits, logit => Assert.False(float.IsFinite(logit)));
            weight.copy_(good);
        }

        // One of them still has a slot, so the caches stay; and those that come are at different places in a step.
        Array.ForEach(broken[1..], sequence => sequence.Dispose());
        var written = Writing.WriteInChangingCompany(engine, Inputs, new() { MaxTokens = 8 }, seed: 2);
        Assert.Equal(expected.Select(answers => answers[0].Tokens), written.Select(answers => answers[0].Tokens));
        broken[0].Dispose();
    }

    [Theory]
    [InlineData("t5-tiny-test")]
    [InlineData("t5v11-tiny-test")]
    public void Write_LogProbabilities_AreTheSoftmaxOfAWholePass(string name)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var model = T5Checkpoint.Load(EngineCase.Directory(name));
        using var engine = new TorchEngine(model, ownsModel: false);

        var all = BatchDecoder.Decode(engine, Inputs, new() { MaxTokens = 8, TopLogProbabilities = 5, Prefix = [9, 10] });

        foreach (var (input, answer) in Inputs.Zip(all, (input, answers) => (input, answers[0])))
        {
            long[] read = [0, 9, 10, .. answer.Tokens.Select(id => (long)id).SkipLast(1)];
            var ids = tensor(Array.ConvertAll(input, id => (long)id), 1, input.Length);
            var logits = model.Decode(model.Encode(ids, ones_like(ids)), ones_like(ids), tensor(read, 1, read.Length));
            for (var i = 0; i < answer.Tokens.Count; i++)
            {
                var expected = Softmax.Log(logits[0, i + 2].data<float>().ToArray());
                Assert.Equal(expected[answer.Tokens[i]], answer.LogProbabilities[i], 1e-4);
                Assert.Equal(expected.Index().OrderByDescending(pair => pair.Item).Take(5).Select(pair => pair.Index), answer.TopLogProbabilities[i].Select(token => token.Id));
                Assert.All(answer.TopLogProbabilities[i], token => Assert.Equal(expected[token.Id], token.LogProbability, 1e-4));
            }
        }
    }

    [Fact]
    public void Load_Bfloat16_TakesHalfTheMemoryAndGivesNearlyTheSameLogits()
    {
        using var whole = TorchEngine.Load(EngineCase.Directory("t5v11-tiny-test"));
        using var half = TorchEngine.Load(EngineCase.Directory("t5v11-tiny-test"), ScalarType.BFloat16);

        float[] First(TorchEngine engine)
        {
            using var encoding = engine.Encode([Inputs[2], Inputs[0]])[0];
            using var sequence = engine.Start(encoding, 2);
            var logits = new float[engine.Config.VocabularySize];
            engine.Step([new StepRow(sequence, 0)], logits);
            engine.Step([new StepRow(sequence, 20)], logits);
            return logits;
        }

        var (expected, actual) = (First(whole), First(half));
        Assert.InRange(expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max() / expected.Max(Math.Abs), 0, 0.06);
        Assert.Equal(whole.WeightBytes, 2 * half.WeightBytes);
        Assert.Equal(("torch cpu float32", "torch cpu bfloat16"), (whole.Name, half.Name));
        Assert.Equal(3, BatchDecoder.Decode(half, Inputs, new() { MaxTokens = 4 }).Length);
    }
}
