using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Cli.Bench;

/// <summary>
/// An engine whose model never ends an answer by itself, and gives text with every token: the end-of-sequence token, and the others that are no words, are the last
/// that a step would take. (Random weights whose head is the embedding would write the padding that they begin with, over and over.) All else is the engine's own.
/// </summary>
internal sealed class EndlessEngine(IT5Engine engine) : IT5Engine
{
    public string Name => engine.Name;

    public T5Config Config => engine.Config;

    public long WeightBytes => engine.WeightBytes;

    public IReadOnlyList<T5Encoding> Encode(IReadOnlyList<int[]> inputs) => engine.Encode(inputs);

    public T5Sequence Start(T5Encoding encoding, int maxLength) => engine.Start(encoding, maxLength);

    public T5Sequence Fork(T5Sequence sequence) => engine.Fork(sequence);

    public void Step(ReadOnlySpan<StepRow> rows, Span<float> logits)
    {
        engine.Step(rows, logits);
        for (var row = 0; row < rows.Length; row++)
        {
            // Not negative infinity: a model that gives that is broken.
            var own = logits.Slice(row * Config.VocabularySize, Config.VocabularySize);
            own[..BenchVocabulary.FirstWord].Fill(float.MinValue);
            own[BenchVocabulary.EndOfWords..].Fill(float.MinValue);
        }
    }

    public void Dispose() => engine.Dispose();
}
