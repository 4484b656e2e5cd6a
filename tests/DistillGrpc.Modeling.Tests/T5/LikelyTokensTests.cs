using System.Text.Json;
using DistillGrpc.Modeling.T5;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.T5;

public sealed class LikelyTokensTests
{
    private const double Tolerance = 1e-4;

    [Theory]
    [InlineData("t5-tiny-test", "pad")]
    [InlineData("t5v11-tiny-test", "pad")]
    [InlineData("t5-tiny-test", "leftpad")]
    [InlineData("t5v11-tiny-test", "leftpad")]
    public void Decode_BatchWithPadding_GivesTheSoftmaxOfTheLogitsOfAWholePassOverEachRowAlone(string name, string caseName)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var model = Load(name);
        var (ids, mask) = Inputs(name, caseName);

        var (written, likely) = Decode(model, Batch(ids), Batch(mask), 5);

        for (var row = 0; row < ids.Length; row++)
        {
            // Without the padding, and with the whole target at once instead of step by step.
            var alone = Batch([[.. ids[row].Where((_, i) => mask[row][i] == 1)]]);
            var logits = model.Decode(model.Encode(alone, ones_like(alone)), ones_like(alone), Batch([[model.Config.DecoderStartId, .. written[row].Select(id => (long)id).SkipLast(1)]]));
            Assert.Equal(written[row].Length, likely.Rows[row].Count);
            for (var step = 0; step < written[row].Length; step++)
            {
                var expected = LogSoftmax([.. logits[0, step].data<float>().ToArray()]);
                var position = likely.Rows[row][step];
                Assert.Equal(5, position.Select(token => token.Id).Distinct().Count());
                Assert.Equal(written[row][step], position[0].Id);
                Assert.All(position, token => Assert.Equal(expected[token.Id], token.LogProbability, Tolerance));
                var best = expected.OrderDescending().Take(5).ToArray();
                Assert.All(position.Zip(best), pair => Assert.Equal(pair.Second, pair.First.LogProbability, Tolerance));
                Assert.InRange(position.Sum(token => Math.Exp(token.LogProbability)), 0, 1 + Tolerance);
            }
        }
    }

    [Theory]
    [InlineData("t5-tiny-test")]
    [InlineData("t5v11-tiny-test")]
    public void Decode_WholeVocabulary_SumsUpToOne(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Load(name);
        var (ids, mask) = Inputs(name, "short");

        var (_, likely) = Decode(model, Batch(ids), Batch(mask), int.MaxValue);

        Assert.All(likely.Rows.SelectMany(row => row), position =>
        {
            Assert.Equal(model.Config.VocabularySize, position.Count);
            Assert.Equal(1, position.Sum(token => Math.Exp(token.LogProbability)), Tolerance);
        });
    }

    [Fact]
    public void Decode_CollectingOrNot_WritesTheSame()
    {
        using var scope = NewDisposeScope();
        using var model = Load("t5-tiny-test");
        var (ids, mask) = Inputs("t5-tiny-test", "pad");

        Assert.Equal(GreedyDecoder.Decode(model, Batch(ids), Batch(mask), 8), Decode(model, Batch(ids), Batch(mask), 1).Written);
    }

    private static (int[][] Written, LikelyTokens Likely) Decode(T5Model model, Tensor ids, Tensor mask, int count)
    {
        var likely = new LikelyTokens(count);
        return (GreedyDecoder.Decode(model, ids, mask, 8, likely: likely), likely);
    }

    // In double precision, and by no tensor at all.
    private static double[] LogSoftmax(double[] logits)
    {
        var most = logits.Max();
        var sum = most + Math.Log(logits.Sum(logit => Math.Exp(logit - most)));
        return Array.ConvertAll(logits, logit => logit - sum);
    }

    private static string Fixture(params string[] parts) => Path.Combine([AppContext.BaseDirectory, "Fixtures", .. parts]);

    private static T5Model Load(string name) => T5Checkpoint.Load(Fixture(name, "checkpoint"));

    private static (long[][] Ids, long[][] Mask) Inputs(string name, string caseName)
    {
        var fixture = JsonDocument.Parse(File.ReadAllText(Fixture(name, "cases.json"))).RootElement.GetProperty("cases").GetProperty(caseName);
        long[][] Rows(string field) => [.. fixture.GetProperty(field).EnumerateArray().Select(row => row.EnumerateArray().Select(id => id.GetInt64()).ToArray())];
        return (Rows("input_ids"), Rows("attention_mask"));
    }

    private static Tensor Batch(long[][] rows) => tensor(rows.SelectMany(row => row).ToArray(), rows.Length, rows[0].Length);
}
