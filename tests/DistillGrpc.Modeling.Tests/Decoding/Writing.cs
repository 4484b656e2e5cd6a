using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Modeling.Tests.Decoding;

/// <summary>Runs generations on an engine, as a scheduler does.</summary>
internal static class Writing
{
    /// <summary>The answers to one input.</summary>
    public static IReadOnlyList<GeneratedAnswer> Write(IT5Engine engine, int[] input, DecodingOptions options) => BatchDecoder.Decode(engine, [input], options)[0];

    /// <summary>The answers to inputs that join at different times, sit out steps, and have company that leaves before it is done.</summary>
    public static IReadOnlyList<GeneratedAnswer>[] WriteInChangingCompany(IT5Engine engine, int[][] inputs, DecodingOptions options, int seed)
    {
        var random = new Random(seed);
        var (all, company) = (new List<Generation>(), new List<Generation>());
        for (var step = 0; all.Count < inputs.Length || all.Exists(generation => !generation.IsDone); step++)
        {
            if (all.Count < inputs.Length && random.Next(3) == 0)
            {
                all.Add(Begin(engine, engine.Encode([inputs[all.Count]])[0], options));
            }

            if (random.Next(4) == 0)
            {
                company.Add(Begin(engine, engine.Encode([inputs[random.Next(inputs.Length)]])[0], new DecodingOptions { MaxTokens = 40, Beams = random.Next(1, 4) }));
            }

            if (company.Count > 0 && random.Next(5) == 0)
            {
                var leaving = random.Next(company.Count);
                company[leaving].Dispose();
                company.RemoveAt(leaving);
            }

            Generation[] part = [.. all.Concat(company).Where(_ => random.Next(4) > 0)];
            random.Shuffle(part);
            Step(engine, part);
        }

        company.ForEach(generation => generation.Dispose());
        return [.. all.Select(Finish)];
    }

    /// <summary>One step of all that are not done.</summary>
    public static void Step(IT5Engine engine, IReadOnlyList<Generation> generations)
    {
        var rows = new List<StepRow>();
        foreach (var generation in generations)
        {
            generation.Collect(rows);
        }

        var size = engine.Config.VocabularySize;
        var logits = new float[rows.Count * size];
        engine.Step(rows.ToArray(), logits);
        var first = 0;
        foreach (var generation in generations)
        {
            var count = generation.Rows;
            generation.Take(logits.AsSpan(first * size, count * size));
            first += count;
        }
    }

    private static Generation Begin(IT5Engine engine, T5Encoding encoding, DecodingOptions options)
    {
        using (encoding)
        {
            return new Generation(engine, encoding, options);
        }
    }

    private static IReadOnlyList<GeneratedAnswer> Finish(Generation generation)
    {
        using (generation)
        {
            return generation.Answers;
        }
    }
}
