using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Training;
using DistillGrpc.Student.Training.Reports;

namespace DistillGrpc.Student.Tests.Training.Reports;

public sealed class BaselineSpecTests
{
    [Fact]
    public void Of_StepByStep_KeepsWhatIsNotAboutRationales()
    {
        var source = new TrainingSpec
        {
            ModelId = "m",
            Preset = "micro",
            Steps = 70,
            Seed = 9,
            BatchSize = 5,
            LearningRate = 0.03,
            WarmupSteps = 4,
            LabelSource = LabelSource.Teacher,
            Alpha = 0.3,
            ShuffleRationales = true,
            MutualInformation = 0.1,
            EvaluationInterval = 10,
            ComputeBudgetFlops = 1e9,
            CheckpointInterval = 7,
            Report = new ReportOptions { Samples = 3 },
        };

        var baseline = BaselineSpec.Of(RunSpec.Check(source))!;

        var expected = new TrainingSpec
        {
            ModelId = "m",
            Preset = "micro",
            Steps = 70,
            Seed = 9,
            BatchSize = 5,
            LearningRate = 0.03,
            WarmupSteps = 4,
            LabelSource = LabelSource.Teacher,
            Mode = TrainingMode.LabelOnly,
            ComputeBudgetFlops = 1e9,
            CheckpointInterval = 7,
        };
        Assert.Equal(expected, baseline.Source);
        Assert.Equal((1.0, false), (baseline.Weights.LabelWeight, baseline.StepByStep));
        Assert.Equal(TrainingMode.Unspecified, source.Mode);
    }

    [Fact]
    public void Of_EarlyStopping_IsEvaluatedAsOften()
    {
        var source = new TrainingSpec { ModelId = "m", Preset = "micro", EvaluationInterval = 10, EarlyStoppingPatience = 2 };

        Assert.Equal(10, BaselineSpec.Of(RunSpec.Check(source))!.Source.EvaluationInterval);
    }

    [Theory]
    [InlineData(TrainingMode.LabelOnly, false)]
    [InlineData(TrainingMode.DistillingStepByStep, true)]
    public void Of_RunThatIsOneOrSkipsIt_IsNone(TrainingMode mode, bool skips) =>
        Assert.Null(BaselineSpec.Of(RunSpec.Check(new TrainingSpec { ModelId = "m", Preset = "micro", Mode = mode, Report = new ReportOptions { SkipBaseline = skips } })));
}
