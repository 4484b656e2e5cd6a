using System.Buffers;
using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>Reads inputs together and writes their answers together, to the end: for work that nobody waits for token by token.</summary>
public static class BatchDecoder
{
    /// <summary>Writes the answers; those that have ended leave the batch.</summary>
    /// <param name="engine">The engine; nobody else uses it meanwhile.</param>
    /// <param name="inputs">Token ids of each, the end-of-sequence token included.</param>
    /// <param name="options">How to write; the same for all.</param>
    /// <param name="cancellationToken">Looked at before every step.</param>
    /// <returns>For every input its answers, best first.</returns>
    /// <exception cref="ArgumentException">An input or an option is wrong.</exception>
    /// <exception cref="NonFiniteLogitsException">The model gave no finite logits.</exception>
    /// <exception cref="OperationCanceledException">Decoding was cancelled.</exception>
    public static IReadOnlyList<GeneratedAnswer>[] Decode(
        IT5Engine engine, IReadOnlyList<int[]> inputs, DecodingOptions options, CancellationToken cancellationToken = default) =>
        Run(engine, inputs, _ => options, generation => generation.Answers, cancellationToken);

    /// <summary>Weighs the choices between the sequences that are allowed.</summary>
    /// <param name="engine">The engine; nobody else uses it meanwhile.</param>
    /// <param name="inputs">Token ids of each, the end-of-sequence token included.</param>
    /// <param name="options">How for each of them, with <see cref="DecodingOptions.ChoiceRows"/>.</param>
    /// <param name="cancellationToken">Looked at before every step.</param>
    /// <returns>For every input what the model gives at each choice.</returns>
    /// <exception cref="ArgumentException">An input or an option is wrong.</exception>
    /// <exception cref="NonFiniteLogitsException">The model gave no finite logits.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ChoiceLogits[] Choices(
        IT5Engine engine, IReadOnlyList<int[]> inputs, IReadOnlyList<DecodingOptions> options, CancellationToken cancellationToken = default) =>
        Run(engine, inputs, input => options[input], generation => generation.Choices, cancellationToken);

    private static T[] Run<T>(IT5Engine engine, IReadOnlyList<int[]> inputs, Func<int, DecodingOptions> options, Func<Generation, T> outcome, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var (generations, rows) = (new List<Generation>(), new List<StepRow>());
        var encodings = engine.Encode(inputs);
        try
        {
            generations.AddRange(encodings.Select((encoding, input) => new Generation(engine, encoding, options(input))));
            while (generations.Exists(generation => !generation.IsDone))
            {
                cancellationToken.ThrowIfCancellationRequested();
                rows.Clear();
                generations.ForEach(generation => generation.Collect(rows));
                Step(engine, generations, [.. rows]);
            }

            return [.. generations.Select(outcome)];
        }
        finally
        {
            generations.ForEach(generation => generation.Dispose());
            foreach (var encoding in encodings)
            {
                encoding.Dispose();
            }
        }
    }

    private static void Step(IT5Engine engine, List<Generation> generations, StepRow[] rows)
    {
        var (size, first) = (engine.Config.VocabularySize, 0);
        var logits = ArrayPool<float>.Shared.Rent(rows.Length * size);
        engine.Step(rows, logits);
        foreach (var generation in generations)
        {
            var count = generation.Rows;
            generation.Take(logits.AsSpan(first * size, count * size));
            first += count;
        }

        ArrayPool<float>.Shared.Return(logits);
    }
}
