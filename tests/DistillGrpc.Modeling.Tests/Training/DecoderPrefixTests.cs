using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Training;

public sealed class DecoderPrefixTests
{
    private static readonly int[] LabelPrefix = [30, 31];
    private static readonly int[] RationalePrefix = [32];
    private static readonly TaskRow[] Inputs = Tiny.Rows(5, seed: 1);

    private static TaskRow[] Rows(int[] prefix, int seed) =>
        [.. Tiny.Rows(5, seed).Select((row, i) => new TaskRow(Inputs[i].Input, row.Target) { DecoderPrefix = prefix, Example = i })];

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Step_PrefixOnTheDecoder_LearnsTheTargetBehindItAndNotThePrefix(int parts)
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        var (labels, rationales) = (Rows(LabelPrefix, 2), Rows(RationalePrefix, 3));

        var outcome = Tiny.See(model, [new("label", labels), new("rationale", [.. rationales.Reverse()])], new TrainerOptions { AccumulationSteps = parts });

        Tiny.AssertSaw(outcome, Tiny.TokenMean(model, labels) + Tiny.TokenMean(model, rationales), model);
        var others = Tiny.TokenMean(model, labels.Select(row => row with { DecoderPrefix = RationalePrefix }));
        var without = Tiny.TokenMean(model, labels.Select(row => row with { DecoderPrefix = [] }));
        Assert.NotEqual(outcome["label"], others.item<float>(), 3);
        Assert.NotEqual(outcome["label"], without.item<float>(), 3);
    }

    [Fact]
    public void OfStep_SharedInputs_CountTheEncoderOnce()
    {
        var (labels, rationales) = (Rows(LabelPrefix, 2), Rows(RationalePrefix, 3));
        var apart = rationales.Select(row => row with { Input = [.. row.Input] }).ToArray();
        var onlyLabels = TrainingFlops.OfStep(Tiny.Config, labels);

        var (shared, twice) = (TrainingFlops.OfStep(Tiny.Config, labels, rationales), TrainingFlops.OfStep(Tiny.Config, labels, apart));

        Assert.True(onlyLabels < shared && shared < twice);
    }

    [Fact]
    public void Decode_ForcedPrefix_GivesTheTasksAnswerWithoutIt()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        var (labels, rationales) = (Rows(LabelPrefix, 2), Rows(RationalePrefix, 3));
        using (var optimizer = new AdamW(model))
        using (var trainer = new DistillationTrainer(model, optimizer))
        {
            for (var step = 0; step < 250; step++)
            {
                trainer.Step([new("label", labels), new("rationale", rationales)], 1e-2);
            }
        }

        using var engine = new TorchEngine(model, ownsModel: false);
        var inputs = Inputs.Select(row => row.Input).ToArray();
        IEnumerable<IReadOnlyList<int>> Decode(int maxTokens, int[] prefix) =>
            BatchDecoder.Decode(engine, inputs, new() { MaxTokens = maxTokens, Prefix = prefix }).Select(answers => answers[0].Tokens);

        Assert.Equal(labels.Select(row => row.Target), Decode(8, LabelPrefix));
        Assert.Equal(rationales.Select(row => row.Target), Decode(8, RationalePrefix));
        Assert.All(Decode(2, RationalePrefix), tokens => Assert.InRange(tokens.Count, 1, 2));
    }
}
