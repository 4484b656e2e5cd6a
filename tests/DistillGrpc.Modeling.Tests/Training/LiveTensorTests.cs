using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Training;

public sealed class LiveTensorTests
{
    internal static readonly TaskRow[] Labels = [.. Tiny.Rows(6, seed: 1, longestTarget: 3).Select(row => row with { LabelSoftLabels = [0.3f, 0.7f] })];
    internal static readonly TaskRow[] Rationales = [.. Tiny.Rows(6, seed: 2).Select((row, i) => new TaskRow(Labels[i].Input, row.Target)
    {
        Example = i,
        DecoderPrefix = [30],
        TokenSoftLabels = new TokenDistributions(1, row.Target, [.. row.Target.Select(_ => 1f)]),
    })];

    [Theory]
    [InlineData("default")]
    [InlineData("all terms")]
    [InlineData("all terms, blocks computed again, in parts, bfloat16")]
    [InlineData("diverging")]
    public void Step_HundredsOfTimes_LeavesNoTensorBehind(string mode)
    {
        using var generator = new Generator(1);
        T5Dropout.Generator = generator;
        using var model = Tiny.Model(dropout: 0.1);
        using var teacher = T5Model.Seeded(Tiny.Config with { ModelSize = 24, HeadSize = 6 }, 8);
        var terms = mode.StartsWith("all", StringComparison.Ordinal) ? Terms(teacher) : [];
        using IOptimizer optimizer = mode == "default" ? new AdamW(model) : new Adafactor(DistillationTrainer.LearntParameters(model, terms));
        var special = mode.Contains("bfloat16", StringComparison.Ordinal);
        using var trainer = new DistillationTrainer(model, optimizer, new TrainerOptions { RecomputeBlocks = special, Bfloat16 = special, AccumulationSteps = special ? 2 : 1 }, terms);
        void Steps(int count)
        {
            for (var step = 0; step < count; step++)
            {
                if (mode == "diverging")
                {
                    Assert.Throws<ArithmeticException>(() => trainer.Step([new("label", Labels, double.NaN), new("rationale", Rationales)], 1e-3));
                    continue;
                }

                trainer.Step([new("label", Labels), new("rationale", Rationales)], 1e-3);
            }
        }

        Steps(5);
        var live = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        Steps(200);

        Assert.Equal(live, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
        T5Dropout.Generator = null;
        Array.ForEach(terms, term => term.Dispose());
    }

    internal static LossTerm[] Terms(T5Model teacher) => Terms(teacher, Tiny.Config);

    internal static LossTerm[] Terms(T5Model teacher, T5Config student) =>
    [
        new LocalTeacher(teacher, student, new LocalTeacherOptions
        {
            EncoderLayers = LayerPair.Spread(student.EncoderLayers, teacher.Config.EncoderLayers),
            DecoderLayers = LayerPair.Spread(student.DecoderLayers, teacher.Config.DecoderLayers),
        }),
        new TokenSoftLabels("rationale", 0.5, 2),
        new LabelSoftLabels("label", [[5, 1], [6, 7, 1]], 0.5, 2),
        new MutualInformation(),
    ];
}
