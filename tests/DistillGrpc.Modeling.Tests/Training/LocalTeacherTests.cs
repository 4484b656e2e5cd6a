using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Training;

public sealed class LocalTeacherTests
{
    private static readonly TaskRow[] Labels = Tiny.Rows(4, seed: 1, longestTarget: 3);
    private static readonly TaskRow[] Rationales = Tiny.Rows(5, seed: 2);
    private static readonly T5Config Wide = Tiny.Config with { ModelSize = 24, HeadSize = 6, EncoderLayers = 4, DecoderLayers = 3 };

    [Fact]
    public void Step_OnlineSoftLabels_AreTheDivergenceFromTheTeachersOwnDistribution()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        using var teacher = T5Model.Seeded(Wide, 4);
        using var term = new LocalTeacher(teacher, Tiny.Config, new LocalTeacherOptions { Temperature = 2, LogitWeight = 0.3, TaskWeights = new Dictionary<string, double> { ["rationale"] = 0.5 } });

        var outcome = Tiny.See(model, [new("label", Labels), new("rationale", Rationales)], new TrainerOptions { AccumulationSteps = 2 }, term);

        Tensor Soft(T5Model by, IEnumerable<TaskRow> rows) => 4 * Tiny.Mean(rows.SelectMany(row =>
        {
            var (p, q) = (Tiny.Softmax(Tiny.Logits(by, row), 2).detach(), Tiny.Softmax(Tiny.Logits(model, row), 2));
            return row.Target.Select((_, t) => (p[t] * (p[t].log() - q[t].log())).sum());
        }));
        var soft = Soft(teacher, Labels) + (0.5 * Soft(teacher, Rationales));
        Tiny.AssertSaw(outcome, Tiny.TokenMean(model, Labels) + Tiny.TokenMean(model, Rationales) + (0.3 * soft), model);
        Assert.Equal(soft.item<float>(), outcome["teacher.logits"], 1e-4 * soft.item<float>());
        Assert.All(teacher.parameters(), parameter => Assert.Null(parameter.grad));
    }

    [Theory]
    [InlineData(LossMean.Tokens)]
    [InlineData(LossMean.Examples)]
    public void Step_HiddenStates_AreTheMeanSquaredDistanceThroughTheProjections(LossMean mean)
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        using var teacher = T5Model.Seeded(Wide, 4);
        using var term = new LocalTeacher(teacher, Tiny.Config, new LocalTeacherOptions { LogitWeight = 0, HiddenWeight = 2, EncoderLayers = [new(0, 0), new(2, 4)], DecoderLayers = [new(2, 3)] });
        Assert.Equal(["projection.encoder.0-0.weight", "projection.encoder.2-4.weight", "projection.decoder.2-3.weight"], term.Parameters.Select(named => named.Name));
        Assert.All(term.Parameters, named => Assert.Equal([24L, 16L], named.Parameter.shape));

        var outcome = Tiny.See(model, [new("label", Labels), new("rationale", Rationales)], new TrainerOptions { AccumulationSteps = 2, Mean = mean }, term);

        Tensor Over(IEnumerable<Tensor[]> rows) => mean == LossMean.Tokens ? Tiny.Mean(rows.SelectMany(row => row)) : Tiny.Mean(rows.Select(Tiny.Mean));
        Tensor[] Squares(Tensor student, Tensor by, int projection)
        {
            var differences = student.matmul(term.Parameters[projection].Parameter.t()) - by.detach();
            return [.. Enumerable.Range(0, (int)differences.shape[0]).Select(t => (differences[t] * differences[t]).sum() / 24)];
        }

        var all = Labels.Concat(Rationales).ToArray();
        var embedded = Over(all.Select(row => Squares(Embedded(model, row), Embedded(teacher, row), 0)));
        var encoded = Over(all.Select(row => Squares(Encoded(model, row), Encoded(teacher, row), 1)));
        Tensor Decoded(IEnumerable<TaskRow> rows) => Over(rows.Select(row => Squares(Last(model, row), Last(teacher, row), 2)));
        var hidden = (embedded + encoded + Decoded(Labels) + Decoded(Rationales)) / 3;
        Assert.Equal(hidden.item<float>(), outcome["teacher.hidden"], 1e-4 * hidden.item<float>());
        Assert.Equal(outcome.Loss, outcome["label"] + outcome["rationale"] + (2 * outcome["teacher.hidden"]), 1e-4 * outcome.Loss);
    }

    [Fact]
    public void Step_LayerBetween_IsWhatTheBlockGivesBeforeAnyNorm()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        using var teacher = model.Copy();
        using var noGradient = no_grad();
        // The teacher's second block and last norm are other ones: only what comes before them is equal.
        foreach (var (name, parameter) in teacher.named_parameters())
        {
            if (name.StartsWith("encoder.block.1.", StringComparison.Ordinal) || name.StartsWith("encoder.final", StringComparison.Ordinal))
            {
                parameter.mul_(3);
            }
        }

        double Hidden(LayerPair pair)
        {
            using var term = new LocalTeacher(teacher, Tiny.Config, new LocalTeacherOptions { LogitWeight = 0, EncoderLayers = [pair] });
            using var gradient = enable_grad();
            return Tiny.See(model, [new("label", Labels)], null, term)["teacher.hidden"];
        }

        Assert.Equal(0, Hidden(new(1, 1)), 6);
        Assert.True(Hidden(new(2, 2)) > 0.1 && Hidden(new(0, 1)) > 0.1 && Hidden(new(1, 0)) > 0.1);
    }

    [Fact]
    public void Step_Projections_LearnWithTheStudent()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        using var teacher = T5Model.Seeded(Wide, 4);
        using var term = new LocalTeacher(teacher, Tiny.Config, new LocalTeacherOptions { LogitWeight = 0, EncoderLayers = LayerPair.Spread(2, 4) });
        using var optimizer = new AdamW(DistillationTrainer.LearntParameters(model, [term]));
        using var trainer = new DistillationTrainer(model, optimizer, null, [term]);
        var before = term.Parameters[0].Parameter.detach().clone();
        var losses = Enumerable.Range(0, 60).Select(_ => trainer.Step([new("label", Labels)], 1e-2)["teacher.hidden"]).ToArray();

        Assert.Equal([new LayerPair(1, 2), new LayerPair(2, 4)], LayerPair.Spread(2, 4));
        Assert.False(before.allclose(term.Parameters[0].Parameter, 0, 0));
        Assert.InRange(losses[^1], 0, losses[0] * 0.5);
    }

    [Fact]
    public void Step_SelfDistillation_StartsWithoutDistanceAndHoldsTheStudentToItsCopy()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Model();
        using var copy = model.Copy();
        using var term = new LocalTeacher(copy, Tiny.Config, new LocalTeacherOptions { EncoderLayers = [new(2, 2)], DecoderLayers = [new(1, 1), new(2, 2)] });
        using var optimizer = new AdamW(model);
        using var trainer = new DistillationTrainer(model, optimizer, null, [term]);

        var first = trainer.Step([new("label", Labels)], 1e-2);
        var second = trainer.Step([new("label", Labels)], 1e-2);

        Assert.Equal((0.0, 0.0), (Math.Round(first["teacher.logits"], 5), Math.Round(first["teacher.hidden"], 5)));
        Assert.True(second["teacher.logits"] > 1e-4 && second["teacher.hidden"] > 1e-4);
        Assert.Empty(term.Parameters);
    }

    [Fact]
    public void New_OtherVocabularyOrLayersThatAreNotThere_IsRefused()
    {
        using var teacher = Tiny.Model();

        Assert.Throws<ArgumentException>(() => new LocalTeacher(teacher, Tiny.Config with { VocabularySize = 48 }));
        Assert.Throws<ArgumentException>(() => new LocalTeacher(teacher, Tiny.Config, new LocalTeacherOptions { DecoderLayers = [new(3, 2)] }));
    }

    private static Tensor Embedded(T5Model model, TaskRow row) => Weight(model, "shared.weight").index_select(0, tensor(Array.ConvertAll(row.Input, id => (long)id)));

    private static Tensor Encoded(T5Model model, TaskRow row) =>
        model.Encode(tensor(Array.ConvertAll(row.Input, id => (long)id), 1, row.Input.Length), ones([1, row.Input.Length], int64)).squeeze(0);

    // The head is the embedding and not square: with more ids than features the last state follows from the logits.
    private static Tensor Last(T5Model model, TaskRow row)
    {
        var (head, logits) = (Weight(model, "shared.weight").detach(), Tiny.Logits(model, row) * Math.Sqrt(model.Config.ModelSize));
        return logits.matmul(linalg.pinv(head).t());
    }

    private static Tensor Weight(T5Model model, string name) => model.named_parameters().Single(named => named.name == name).parameter;
}
