using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Tests.Decoding;

namespace DistillGrpc.Modeling.Tests.Engines;

/// <summary>What every float32 engine holds to: Hugging Face's tokens and scores, alone and in any company.</summary>
public abstract class EngineParityTests
{
    private const double Tolerance = 1e-4;
    private const int Limit = 24;

    private static readonly Dictionary<string, DecodingOptions> Variants = new()
    {
        ["beam4"] = new() { MaxTokens = Limit, Beams = 4, Answers = 4 },
        ["beam4_early"] = new() { MaxTokens = Limit, Beams = 4, Answers = 4, EarlyStopping = true },
        ["beam4_lp2"] = new() { MaxTokens = Limit, Beams = 4, Answers = 4, LengthPenalty = 2 },
        ["beam4_lp0"] = new() { MaxTokens = Limit, Beams = 4, Answers = 4, LengthPenalty = 0 },
        ["beam4_ngram2_rep1.3"] = new() { MaxTokens = Limit, Beams = 4, NoRepeatNgram = 2, RepetitionPenalty = 1.3 },
    };

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var model in EngineCase.Models)
        {
            Array.ForEach(EngineCase.Names, name => data.Add(model, name));
        }

        return data;
    }

    public static TheoryData<string, string, string> BeamCases()
    {
        var data = new TheoryData<string, string, string>();
        foreach (var model in EngineCase.Models)
        {
            Array.ForEach(EngineCase.Names, name => Variants.Keys.ToList().ForEach(variant => data.Add(model, name, variant)));
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Greedy_Alone_WritesTheReferencesTokens(string model, string name)
    {
        using var engine = Load(EngineCase.Directory(model));
        var fixture = EngineCase.Read(model, name);

        Assert.Equal(fixture.Greedy, fixture.Inputs.Select(input => Writing.Write(engine, input, new() { MaxTokens = Limit })[0].Tokens));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Greedy_Together_WritesTheReferencesTokens(string model, string name)
    {
        using var engine = Load(EngineCase.Directory(model));
        var fixture = EngineCase.Read(model, name);

        Assert.Equal(fixture.Greedy, BatchDecoder.Decode(engine, fixture.Inputs, new() { MaxTokens = Limit }).Select(answers => answers[0].Tokens));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Greedy_InChangingCompany_WritesTheReferencesTokens(string model, string name)
    {
        using var engine = Load(EngineCase.Directory(model));
        var fixture = EngineCase.Read(model, name);

        for (var seed = 0; seed < 3; seed++)
        {
            Assert.Equal(fixture.Greedy, Writing.WriteInChangingCompany(engine, fixture.Inputs, new() { MaxTokens = Limit }, seed).Select(answers => answers[0].Tokens));
        }
    }

    [Theory]
    [MemberData(nameof(BeamCases))]
    public void Beams_Alone_GiveTheReferencesAnswersAndScores(string model, string name, string variant)
    {
        using var engine = Load(EngineCase.Directory(model));
        var fixture = EngineCase.Read(model, name);

        AssertBeams(fixture.Beams(variant), [.. fixture.Inputs.Select(input => Writing.Write(engine, input, Variants[variant]))]);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Beams_InChangingCompany_GiveTheReferencesAnswersAndScores(string model, string name)
    {
        using var engine = Load(EngineCase.Directory(model));
        var fixture = EngineCase.Read(model, name);

        AssertBeams(fixture.Beams("beam4"), Writing.WriteInChangingCompany(engine, fixture.Inputs, Variants["beam4"], seed: 1));
        AssertBeams(fixture.Beams("beam4_ngram2_rep1.3"), Writing.WriteInChangingCompany(engine, fixture.Inputs, Variants["beam4_ngram2_rep1.3"], seed: 2));
    }

    [Theory]
    [InlineData("t5-tiny-test")]
    [InlineData("t5v11-tiny-test")]
    public void Step_WithOthersOfOtherLengths_GivesTheLogitsOfItsOwn(string model)
    {
        using var engine = Load(EngineCase.Directory(model));
        int[][] inputs = [.. EngineCase.Read(model, "pad").Inputs, .. EngineCase.Read(model, "long").Inputs, [1]];
        var random = new Random(7);
        int[][] tokens = [.. inputs.Select((_, i) => Enumerable.Range(0, 5 + (40 * i)).Select(_ => random.Next(engine.Config.VocabularySize)).ToArray())];
        var alone = inputs.Select((input, i) => Logits(engine, input, tokens[i])).ToArray();

        T5Sequence[] sequences = [.. engine.Encode(inputs).Select((encoding, i) => Start(engine, encoding, tokens[i].Length))];
        while (Array.Exists(sequences, sequence => sequence.Length < sequence.MaxLength))
        {
            int[] part = [.. Enumerable.Range(0, inputs.Length).Where(i => sequences[i].Length < sequences[i].MaxLength && random.Next(3) > 0)];
            random.Shuffle(part);
            StepRow[] rows = [.. part.Select(i => new StepRow(sequences[i], tokens[i][sequences[i].Length]))];
            var together = Step(engine, rows);
            for (var row = 0; row < part.Length; row++)
            {
                AssertClose(alone[part[row]][sequences[part[row]].Length - 1], together[row]);
            }
        }

        Array.ForEach(sequences, sequence => sequence.Dispose());
    }

    [Theory]
    [InlineData("t5-tiny-test")]
    [InlineData("t5v11-tiny-test")]
    public void Fork_GoingAnotherWay_ChangesNeither(string model)
    {
        using var engine = Load(EngineCase.Directory(model));
        var input = EngineCase.Read(model, "pad").Inputs[0];
        int[] left = [0, 5, 6, 7, 8], right = [0, 5, 6, 70, 80];
        using var encoding = engine.Encode([input])[0];
        using var sequence = engine.Start(encoding, 5);
        for (var i = 0; i < 3; i++)
        {
            Step(engine, [new StepRow(sequence, left[i])]);
        }

        using var fork = engine.Fork(sequence);
        Assert.Equal((3, 5), (fork.Length, fork.MaxLength));
        var (expectedLeft, expectedRight) = (Logits(engine, input, left), Logits(engine, input, right));
        for (var i = 3; i < 5; i++)
        {
            var both = Step(engine, [new StepRow(fork, right[i]), new StepRow(sequence, left[i])]);
            AssertClose(expectedRight[i], both[0]);
            AssertClose(expectedLeft[i], both[1]);
        }
    }

    [Theory]
    [InlineData("t5-tiny-test")]
    [InlineData("t5v11-tiny-test")]
    public void Step_AskingForSomeTokens_GivesTheirLogitsAndWritesNoOther(string model)
    {
        using var engine = Load(EngineCase.Directory(model));
        var inputs = EngineCase.Read(model, "pad").Inputs;
        var size = engine.Config.VocabularySize;
        var whole = inputs.Select(input => Logits(engine, input, [0])[0]).ToArray();
        T5Sequence[] sequences = [.. engine.Encode(inputs).Select(encoding => Start(engine, encoding, 1))];
        int[] some = [0, 1, 17, size - 1];
        var logits = new float[3 * size];
        Array.Fill(logits, 12345);

        engine.Step([new StepRow(sequences[0], 0, some), new StepRow(sequences[1], 0), new StepRow(sequences[2], 0, [])], logits);

        Assert.All(some, id => Assert.Equal(whole[0][id], logits[id], Tolerance));
        Assert.Equal(size - some.Length, logits[..size].Count(logit => logit == 12345));
        AssertClose(whole[1], logits[size..(2 * size)]);
        Array.ForEach(sequences, sequence => sequence.Dispose());
    }

    /// <summary>The engine over a directory, float32.</summary>
    protected abstract IT5Engine Load(string directory);

    private static void AssertBeams((int[] Tokens, double Score)[][] expected, IReadOnlyList<GeneratedAnswer>[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        foreach (var (reference, answers) in expected.Zip(actual))
        {
            Assert.Equal(reference.Select(answer => answer.Tokens), answers.Select(answer => answer.Tokens));
            Assert.All(reference.Zip(answers), pair => Assert.Equal(pair.First.Score, pair.Second.Score, Tolerance));
            Assert.All(answers, answer => Assert.Equal(answer.Tokens[^1] == 1, answer.HasEnded));
        }
    }

    private static T5Sequence Start(IT5Engine engine, T5Encoding encoding, int length)
    {
        using (encoding)
        {
            return engine.Start(encoding, length);
        }
    }

    // Of every position, with nobody else there.
    private static float[][] Logits(IT5Engine engine, int[] input, int[] tokens)
    {
        using var sequence = Start(engine, engine.Encode([input])[0], tokens.Length);
        return [.. tokens.Select(token => Step(engine, [new StepRow(sequence, token)])[0])];
    }

    private static float[][] Step(IT5Engine engine, StepRow[] rows)
    {
        var logits = new float[rows.Length * engine.Config.VocabularySize];
        engine.Step(rows, logits);
        return [.. logits.Chunk(engine.Config.VocabularySize)];
    }

    private static void AssertClose(float[] expected, float[] actual) =>
        Assert.InRange(expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max(), 0, Tolerance * Math.Max(1, expected.Max(Math.Abs)));
}
