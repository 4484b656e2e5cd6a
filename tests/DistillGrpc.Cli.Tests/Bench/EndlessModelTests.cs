using DistillGrpc.Cli.Bench;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Cli.Tests.Bench;

/// <summary>What a preset writes: words, of which each gives text, so that the first message is the first token's.</summary>
public sealed class EndlessModelTests
{
    [Fact]
    public void Vocabulary_EveryTokenThatAPresetWrites_IsText()
    {
        using var folder = new TemporaryFolder();
        BenchVocabulary.Write(folder.Path);
        var tokenizer = TokenizerLoader.Load(folder.Path);

        Assert.All(Enumerable.Range(BenchVocabulary.FirstWord, BenchVocabulary.EndOfWords - BenchVocabulary.FirstWord), id => Assert.False(string.IsNullOrWhiteSpace(tokenizer.Decode([id]))));
    }

    [Theory]
    [InlineData(Precision.Float32, true)]
    [InlineData(Precision.Int8, true)]
    [InlineData(Precision.Int8, false)]
    public void Decode_WhateverIsRead_WritesWordsToTheLastToken(Precision precision, bool isTied)
    {
        var config = BenchPreset.Of("micro") with { TiedHead = isTied, ScaleDecoderOutputs = isTied };
        for (var seed = 1; seed <= 3; seed++)
        {
            using var model = EndlessModel.Of(config, seed);
            using var engine = EngineFactory.Of(model, new EngineOptions { Engine = EngineKind.Cpu, Precision = precision });
            var inputs = Enumerable.Range(0, 8).Select(i => Enumerable.Range(0, 5 + i).Select(j => 1000 + (37 * i) + (11 * j)).Append(1).ToArray()).ToArray();

            var answers = BatchDecoder.Decode(engine, inputs, new DecodingOptions { MaxTokens = 40 });

            Assert.All(answers, answer => Assert.Equal(40, answer[0].Tokens.Count(token => token >= BenchVocabulary.FirstWord && token < BenchVocabulary.EndOfWords)));
        }
    }
}
