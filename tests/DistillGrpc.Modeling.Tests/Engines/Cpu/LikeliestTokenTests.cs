using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Modeling.T5;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Engines.Cpu;

/// <summary>The token that the engine finds while a step's logits are near is the one that a look at all of them finds.</summary>
public sealed class LikeliestTokenTests
{
    [Theory]
    [InlineData("v1.0", Precision.Int8)]
    [InlineData("v1.1", Precision.Int8)]
    [InlineData("uneven", Precision.Float32)]
    public void Step_RowsThatWantAll_KnowTheirLikeliestToken(string shape, Precision precision)
    {
        using var model = T5Model.Seeded(CpuEngineTests.Configs[shape], 3);
        using var team = new WorkerTeam(2);
        using var engine = new CpuEngine(model, precision, team);
        var encodings = engine.Encode(CpuEngineTests.Inputs);
        var sequences = encodings.Select(encoding => engine.Start(encoding, 40)).ToArray();
        var (size, seen) = (model.Config.VocabularySize, new HashSet<int>());
        var logits = new float[sequences.Length * size];
        for (var step = 0; step < 40; step++)
        {
            // One wants a few only, another each time.
            engine.Step([.. sequences.Select((sequence, i) => new StepRow(sequence, (step * 29) % size, i == step % 5 ? [3, 9] : null))], logits);

            for (var i = 0; i < sequences.Length; i++)
            {
                var row = logits.AsSpan(i * size, size).ToArray();
                Assert.Equal(i == step % 5 ? -1 : Array.IndexOf(row, row.Max()), sequences[i].Likeliest);
                seen.Add(sequences[i].Likeliest);
            }
        }

        // Of both of the pieces that are looked at.
        Assert.True(seen.Count > 10 && seen.Any(token => token is >= 0 and < 256) && seen.Any(token => token >= 256), string.Join(' ', seen));
        Array.ForEach(sequences, sequence => sequence.Dispose());
        Assert.All(encodings, encoding => encoding.Dispose());
    }

    [Fact]
    public void Step_EqualLogitsOrOneThatIsNoNumber_TheFirstIsLikeliestOrNone()
    {
        using var model = T5Model.Seeded(CpuEngineTests.Configs["v1.1"], 3);
        using var none = no_grad();
        var head = model.named_parameters().Single(parameter => parameter.name == "lm_head.weight").parameter;
        // Whatever the hidden state is, one of two opposite ones is the largest.
        head.mul_(1e-3);
        foreach (var (token, sign) in new[] { (17, 1), (290, 1), (40, -1), (299, -1) })
        {
            head[token].fill_(sign);
        }

        using var team = new WorkerTeam(2);
        Assert.Contains(Likeliest(), new[] { 17, 40 });
        head[270].fill_(float.NaN);
        Assert.Equal(-1, Likeliest());

        int Likeliest()
        {
            using var engine = new CpuEngine(model, Precision.Float32, team);
            using var encoding = engine.Encode([CpuEngineTests.Inputs[0]])[0];
            using var sequence = engine.Start(encoding, 1);
            engine.Step([new StepRow(sequence, 0, null)], new float[300]);
            return sequence.Likeliest;
        }
    }
}
