using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Training;

public sealed class DistillationTrainerTests
{
    private static readonly TaskRow[] Labels = Tiny.Rows(6, seed: 1, longestTarget: 3);
    private static readonly TaskRow[] Rationales = Tiny.Rows(6, seed: 2);

    [Fact]
    public void Step_ThreeTasks_AddsEachTasksOwnTokenMeanByItsWeight()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        var third = Tiny.Rows(3, seed: 3);

        var outcome = Tiny.See(model, [new("label", Labels, 0.7), new("rationale", Rationales, 1.5), new("rationale_of_label", third, 0.4)]);

        var (label, rationale, given) = (Tiny.TokenMean(model, Labels), Tiny.TokenMean(model, Rationales), Tiny.TokenMean(model, third));
        Tiny.AssertSaw(outcome, (0.7 * label) + (1.5 * rationale) + (0.4 * given), model);
        Assert.Equal(label.item<float>(), outcome["label"], 4);
        Assert.Equal(rationale.item<float>(), outcome["rationale"], 4);
        Assert.Equal(given.item<float>(), outcome["rationale_of_label"], 4);
        Assert.NotEqual(outcome["label"], Tiny.Mean(Labels.Zip(Rationales).SelectMany(pair => Tiny.TokenLosses(model, pair.First, pair.Second.Target))).item<float>(), 2);
    }

    [Fact]
    public void Step_MeanOverExamples_IsTheMeanOfTheRowsOwnMeans()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();

        var outcome = Tiny.See(model, [new("rationale", Rationales)], new TrainerOptions { Mean = LossMean.Examples });

        Tiny.AssertSaw(outcome, Tiny.Mean(Rationales.Select(row => Tiny.Mean(Tiny.TokenLosses(model, row)))), model);
        Assert.NotEqual(outcome.Loss, Tiny.TokenMean(model, Rationales).item<float>(), 3);
    }

    [Fact]
    public void Step_LabelSmoothing_SpreadsAShareOfTheTargetOverTheVocabulary()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();

        var outcome = Tiny.See(model, [new("label", Labels)], new TrainerOptions { LabelSmoothing = 0.2 });

        var losses = Labels.SelectMany(row =>
        {
            var logs = Tiny.Softmax(Tiny.Logits(model, row)).log();
            return row.Target.Select((id, t) => -((0.8 * logs[t][id]) + (0.2 * logs[t].mean())));
        });
        Tiny.AssertSaw(outcome, Tiny.Mean(losses), model);
    }

    [Theory]
    [InlineData(LossMean.Tokens, 2)]
    [InlineData(LossMean.Tokens, 5)]
    [InlineData(LossMean.Examples, 3)]
    [InlineData(LossMean.Tokens, 50)]
    public void Step_Accumulated_IsTheWholeBatchsStep(LossMean mean, int parts)
    {
        using var scope = NewDisposeScope();
        float[] Train(int accumulationSteps, List<double> losses)
        {
            using var model = Tiny.Model();
            using var optimizer = new AdamW(model);
            using var trainer = new DistillationTrainer(
                model, optimizer, new TrainerOptions { Mean = mean, AccumulationSteps = accumulationSteps }, [new MutualInformation(normalized: true)]);
            for (var step = 0; step < 3; step++)
            {
                var outcome = trainer.Step([new("label", Labels), new("rationale", Rationales[2..], 0.5)], 1e-3);
                losses.AddRange([outcome["label"], outcome["rationale"], outcome[MutualInformation.Name], outcome.Loss, outcome.GradientNorm]);
            }

            return Tiny.Numbers(model);
        }

        var (whole, cut) = (new List<double>(), new List<double>());
        var (expected, actual) = (Train(1, whole), Train(parts, cut));

        Assert.Equal(15, whole.Count);
        Assert.All(whole.Zip(cut), pair => Assert.Equal(pair.First, pair.Second, 1e-5 * Math.Max(1, pair.First)));
        Assert.InRange(expected.Zip(actual, (a, b) => Math.Abs(a - b)).Count(difference => difference > 1e-5), 0, expected.Length / 200);
    }

    [Fact]
    public void Step_LossOrGradientIsNotFinite_LeavesParametersAndOptimizerAsTheyWere()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        using var optimizer = new AdamW(model);
        using var trainer = new DistillationTrainer(model, optimizer, new TrainerOptions { AccumulationSteps = 2 });
        trainer.Step([new("label", Labels)], 1e-3);
        var (before, states) = (Tiny.Numbers(model), optimizer.State.Values.Sum(state => state.abs().sum().item<float>()));

        Assert.Throws<ArithmeticException>(() => trainer.Step([new("label", Labels, 1e30), new("rationale", Rationales, 1e30)], 1e-3));

        Assert.Equal(before, Tiny.Numbers(model));
        Assert.Equal(states, optimizer.State.Values.Sum(state => state.abs().sum().item<float>()));
        Assert.True(double.IsFinite(trainer.Step([new("label", Labels)], 1e-3).Loss));
    }

    [Fact]
    public void Step_NoRowsOrTasksOfOneName_AreRefused()
    {
        using var model = Tiny.Model();
        Assert.Throws<ArgumentException>(() => Tiny.See(model, [new("label", Labels), new("label", Rationales)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Tiny.See(model, [new("label", Labels)], new TrainerOptions { LabelSmoothing = double.NaN }));

        Assert.Throws<ArgumentException>(() => Tiny.See(model, [new("label", []), new("rationale", [])]));
    }

    [Fact]
    public void Freeze_PartsByName_KeepTheirNumbersWhileOthersLearn()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        Assert.Equal(model.named_parameters().Count(named => named.name.StartsWith("encoder.", StringComparison.Ordinal)) + 1, FrozenParameters.Freeze(model, FrozenParameters.Encoder, FrozenParameters.Embedding));
        var before = model.named_parameters().ToDictionary(named => named.name, named => named.parameter.detach().clone());
        using var optimizer = new AdamW(model);
        using var trainer = new DistillationTrainer(model, optimizer);

        trainer.Step([new("label", Labels)], 1e-2);

        Assert.All(model.named_parameters(), named => Assert.Equal(
            named.name.StartsWith("decoder.", StringComparison.Ordinal), !before[named.name].allclose(named.parameter, 0, 0)));
        Assert.Throws<ArgumentException>(() => FrozenParameters.Freeze(model, "encoder.nothing"));
    }

    [Fact]
    public void Step_Bfloat16_ComputesNearTheFullPrecisionAndMovesTheMastersBySmallSteps()
    {
        using var scope = NewDisposeScope();
        using var exact = Tiny.Model();
        using var model = Tiny.Model();
        using var optimizer = new AdamW(model);
        using var trainer = new DistillationTrainer(model, optimizer, new TrainerOptions { Bfloat16 = true, AccumulationSteps = 2 });
        var expected = Tiny.See(exact, [new("label", Labels), new("rationale", Rationales)]);
        var before = Tiny.Numbers(model);

        // A millionth is far below what bfloat16 can tell from 1: only float32 masters take such steps.
        var first = trainer.Step([new("label", Labels), new("rationale", Rationales)], 1e-6);
        var moved = before.Zip(Tiny.Numbers(model), (a, b) => Math.Abs(a - b)).ToArray();
        var last = first;
        for (var step = 0; step < 60; step++)
        {
            last = trainer.Step([new("label", Labels), new("rationale", Rationales)], 1e-2);
        }

        Assert.All(model.parameters(), parameter => Assert.Equal(ScalarType.Float32, parameter.dtype));
        Assert.Equal(expected.Loss, first.Loss, expected.Loss * 0.02);
        Assert.Equal(expected.GradientNorm, first.GradientNorm, expected.GradientNorm * 0.05);
        Assert.InRange(moved.Max(), 5e-7, 2e-6);
        Assert.InRange(last.Loss, 0, first.Loss * 0.5);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(0.2, false)]
    [InlineData(0.2, true)]
    public void Step_BlocksComputedAgain_HasTheOrdinaryGradients(double dropout, bool withTeacher)
    {
        using var scope = NewDisposeScope();
        using var teacher = Tiny.Model(seed: 9);
        var shared = Rationales.Select((row, i) => new TaskRow(Labels[i].Input, row.Target) { Example = i }).Reverse().ToArray();
        (Dictionary<string, Tensor> Gradients, StepOutcome Outcome, byte[] Dropout) Train(bool recompute)
        {
            using var generator = new Generator(5);
            T5Dropout.Generator = generator;
            using var model = Tiny.Model(dropout: dropout);
            using LossTerm term = withTeacher
                ? new LocalTeacher(teacher, Tiny.Config, new LocalTeacherOptions { EncoderLayers = [new(1, 1), new(2, 2)], DecoderLayers = [new(0, 0), new(1, 1)] })
                : new LabelSoftLabels("label", [[5, 1], [6, 7, 1]], 1);
            using var optimizer = new AdamW(model);
            using var trainer = new DistillationTrainer(model, optimizer, new TrainerOptions { RecomputeBlocks = recompute, ClipNorm = 1e9 }, [term]);
            var soft = Labels.Select(row => row with { LabelSoftLabels = [0.25f, 0.75f] }).ToArray();
            var outcome = trainer.Step([new("label", soft), new("rationale", shared)], 0);
            return (model.named_parameters().ToDictionary(named => named.name, named => named.parameter.grad!.clone()), outcome, T5Dropout.SaveState());
        }

        var (expected, actual) = (Train(false), Train(true));
        T5Dropout.Generator = null;

        Assert.Equal(expected.Outcome.Loss, actual.Outcome.Loss, 1e-6 * expected.Outcome.Loss);
        Assert.Equal(expected.Dropout, actual.Dropout);
        Assert.All(expected.Gradients, pair => Assert.InRange(
            (pair.Value - actual.Gradients[pair.Key]).abs().max().item<float>(), 0, 1e-6 * Math.Max(1, pair.Value.abs().max().item<float>())));
    }
}
