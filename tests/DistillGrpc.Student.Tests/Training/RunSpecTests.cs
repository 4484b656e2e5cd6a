using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Training;
using Grpc.Core;

namespace DistillGrpc.Student.Tests.Training;

public sealed class RunSpecTests
{
    public static TheoryData<string, Action<TrainingSpec>> Bad => new()
    {
        { "mode", spec => spec.Mode = (TrainingMode)77 },
        { "steps", spec => spec.Steps = -1 },
        { "steps", spec => spec.Steps = 10_000_001 },
        { "batch_size", spec => spec.BatchSize = 4097 },
        { "learning_rate", spec => spec.LearningRate = double.NaN },
        { "learning_rate", spec => spec.LearningRate = double.PositiveInfinity },
        { "learning_rate", spec => spec.LearningRate = -1 },
        { "weight_decay", spec => spec.WeightDecay = 2 },
        { "clip_norm", spec => spec.ClipNorm = -1 },
        { "lambda", spec => spec.Lambda = 0 },
        { "lambda", spec => spec.Lambda = double.NaN },
        { "alpha", spec => spec.Alpha = 1 },
        { "dropout", spec => spec.Dropout = 1 },
        { "warmup_steps", spec => spec.WarmupSteps = -1 },
        { "max_input_tokens", spec => spec.MaxInputTokens = 100_000 },
        { "vocabulary_size", spec => spec.VocabularySize = 100_000 },
        { "compute_budget_flops", spec => spec.ComputeBudgetFlops = double.PositiveInfinity },
        { "loss_mean", spec => spec.LossMean = (LossMean)9 },
        { "label_smoothing", spec => spec.LabelSmoothing = 1 },
        { "label_smoothing", spec => spec.LabelSmoothing = double.NaN },
        { "accumulation_steps", spec => spec.AccumulationSteps = -2 },
        { "frozen_parameters", spec => spec.FrozenParameters.Add("") },
        { "mutual_information", spec => spec.MutualInformation = double.NaN },
        { "mutual_information", spec => (spec.Mode, spec.MutualInformation) = (TrainingMode.LabelOnly, 0.1) },
        { "explained_label_weight", spec => spec.ExplainedLabelWeight = 1001 },
        { "explained_label_weight", spec => (spec.Mode, spec.ExplainedLabelWeight) = (TrainingMode.RationaleThenLabel, 1) },
        { "prefix_placement", spec => spec.PrefixPlacement = (PrefixPlacement)5 },
        { "prefix_placement", spec => (spec.Mode, spec.PrefixPlacement) = (TrainingMode.LabelFromRationale, PrefixPlacement.Decoder) },
        { "shuffle_rationales", spec => (spec.Mode, spec.ShuffleRationales) = (TrainingMode.LabelOnly, true) },
        { "teacher_correct_only", spec => (spec.Mode, spec.TeacherCorrectOnly) = (TrainingMode.LabelOnly, true) },
        { "rationales_per_row", spec => spec.RationalesPerRow = 101 },
        { "soft_labels.weight", spec => spec.SoftLabels = new SoftLabels() },
        { "soft_labels.weight", spec => spec.SoftLabels = new SoftLabels { Weight = 1 } },
        { "soft_labels.temperature", spec => spec.SoftLabels = new SoftLabels { Weight = 0.5, Temperature = -1 } },
        { "soft_labels.kind", spec => spec.SoftLabels = new SoftLabels { Weight = 0.5, Kind = (SoftLabelKind)9 } },
        { "soft_labels", spec => (spec.Mode, spec.SoftLabels) = (TrainingMode.RationaleThenLabel, new SoftLabels { Weight = 0.5 }) },
        { "local_teacher.model", spec => spec.LocalTeacher = new LocalTeacher() },
        { "local_teacher.logit_weight", spec => spec.LocalTeacher = new LocalTeacher { Model = "models/x", LogitWeight = double.NaN } },
        { "local_teacher.logit_weight", spec => spec.LocalTeacher = new LocalTeacher { Model = "models/x", LogitWeight = 0, HiddenWeight = 0 } },
        { "local_teacher.hidden_weight", spec => spec.LocalTeacher = new LocalTeacher { Model = "models/x", HiddenWeight = -1 } },
        { "bucket_batches", spec => spec.BucketBatches = -1 },
        { "batch_tokens", spec => spec.BatchTokens = -1 },
        { "report.samples", spec => spec.Report = new ReportOptions { Samples = -1 } },
        { "teacher.start_after_rows", spec => spec.Teacher = new TeacherSource { StartAfterRows = -1 } },
        { "shuffle_rationales", spec => (spec.ShuffleRationales, spec.Teacher) = (true, new TeacherSource { StartAfterRows = 1 }) },
        { "compute_budget_flops", spec => (spec.ComputeBudgetFlops, spec.Teacher) = (1, new TeacherSource { StartAfterRows = 1 }) },
        { "teacher.invented.count", spec => spec.Teacher = new TeacherSource { Invented = new InventedInputs { TaskDescription = "x" } } },
        { "teacher.invented.labels", spec => spec.Teacher = new TeacherSource { Invented = new InventedInputs { TaskDescription = "x", Count = 1, Labels = { "" } } } },
        { "prefixes.rationale", spec => spec.Prefixes = new TaskPrefixes { Label = "x ", Rationale = "x " } },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void Check_AbsurdSetting_IsRefusedNamingTheField(string field, Action<TrainingSpec> spoil)
    {
        var spec = new TrainingSpec { ModelId = "x", Preset = "micro" };
        spoil(spec);

        var refused = Assert.Throws<RpcException>(() => RunSpec.Check(spec));

        Assert.Equal((StatusCode.InvalidArgument, $"spec.{field}"), (refused.StatusCode, RpcErrors.Field(refused)));
    }
}
