using DistillGrpc.Cli.Bench;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Cli.Tests.Bench;

/// <summary>What a preset writes: words, of which each gives text, so that the first message is the first token's.</summary>
public sealed class EndlessEngineTests
{
    [Fact]
    public void Vocabulary_EveryTokenThatAPresetWrites_IsText()
    {
        using var folder = new TemporaryFolder();
        BenchVocabulary.Write(folder.Path);
        var tokenizer = TokenizerLoader.Load(folder.Path);

        Assert.All(Enumerable.Range(BenchVocabulary.FirstWord, BenchVocabulary.EndOfWords - BenchVocabulary.FirstWord), id => Assert.False(string.IsNullOrWhiteSpace(tokenizer.Decode([id]))));
    }

    [Fact]
    public void Step_WhateverTheModelWouldWrite_LeavesAWordTheLikeliest()
    {
        using var engine = new EndlessEngine(new CountingDown());
        var logits = new float[2 * BenchPreset.VocabularySize];

        engine.Step(new StepRow[2], logits);

        // The lower an id, the likelier it was.
        Assert.All(logits.Chunk(BenchPreset.VocabularySize), row => Assert.Equal(BenchVocabulary.FirstWord, Array.IndexOf(row, row.Max())));
        Assert.All(logits.Chunk(BenchPreset.VocabularySize), row => Assert.True(row[BenchVocabulary.EndOfWords..].All(logit => logit == float.MinValue) && row[BenchVocabulary.EndOfWords - 1] > float.MinValue));
    }

    /// <summary>Its logits fall from id to id.</summary>
    private sealed class CountingDown : IT5Engine
    {
        public string Name => "";

        public T5Config Config { get; } = BenchPreset.Of("micro");

        public long WeightBytes => 0;

        public IReadOnlyList<T5Encoding> Encode(IReadOnlyList<int[]> inputs) => throw new NotSupportedException();

        public T5Sequence Start(T5Encoding encoding, int maxLength) => throw new NotSupportedException();

        public T5Sequence Fork(T5Sequence sequence) => throw new NotSupportedException();

        public void Step(ReadOnlySpan<StepRow> rows, Span<float> logits)
        {
            for (var i = 0; i < logits.Length; i++)
            {
                logits[i] = -(i % Config.VocabularySize);
            }
        }

        public void Dispose()
        {
        }
    }
}
