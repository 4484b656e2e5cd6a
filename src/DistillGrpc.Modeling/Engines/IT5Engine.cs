using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Modeling.Engines;

/// <summary>
/// A T5 that reads inputs, and writes any number of answers at once, one token of each in a step; answers join and leave between any two steps, and
/// none depends on what else is in the step: of the engine for processors not a bit, of libtorch, whose products round by their shape, no more than the
/// last digits. One caller at a time.
/// </summary>
public interface IT5Engine : IDisposable
{
    /// <summary>What it is, for people, such as <c>cpu int8 avx-vnni</c>.</summary>
    string Name { get; }

    /// <summary>The model's shape.</summary>
    T5Config Config { get; }

    /// <summary>Bytes that its weights take.</summary>
    long WeightBytes { get; }

    /// <summary>Reads inputs, the encoder's pass; each by itself, whatever the others are.</summary>
    /// <param name="inputs">Token ids of each, at least one, the end-of-sequence token included.</param>
    /// <returns>One for each, the caller's to dispose.</returns>
    IReadOnlyList<T5Encoding> Encode(IReadOnlyList<int[]> inputs);

    /// <summary>Begins an answer to an input.</summary>
    /// <param name="encoding">What was read; it is kept as long as the sequence is.</param>
    /// <param name="maxLength">Most steps that will be made.</param>
    /// <returns>The sequence, the caller's to dispose.</returns>
    T5Sequence Start(T5Encoding encoding, int maxLength);

    /// <summary>A second sequence that stands where one stands, and goes on by itself.</summary>
    T5Sequence Fork(T5Sequence sequence);

    /// <summary>A step: each sequence reads a token, and has a number for every token that may come next.</summary>
    /// <param name="rows">The sequences, each once, none at its length's end; first they read the decoder's start id.</param>
    /// <param name="logits">(B, V), float32, written; of a row that asks for some tokens only, theirs alone.</param>
    void Step(ReadOnlySpan<StepRow> rows, Span<float> logits);
}
