using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Training.Reports;

namespace DistillGrpc.Student.Training;

/// <summary>What may be asked of a run: settings that need no default to be checked, and which of them go together.</summary>
internal static class RunChecks
{
    private const double MaxWeight = 1000;
    private const int MaxPatterns = 100;
    private const int MaxBuckets = 10_000;
    private const int MaxBatchTokens = 10_000_000;
    private const int MaxInvented = 100_000;
    private const int MaxLabels = 1000;
    private const int MaxDescription = 4000;

    /// <summary>Checks a spec.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT naming the field.</exception>
    public static void Require(TrainingSpec spec)
    {
        RequireStudent(spec);
        RequireValues(spec);
        RequireFitting(spec);
        RequireSources(spec);
    }

    private static void RequireStudent(TrainingSpec spec)
    {
        Require(ModelName.IsId(spec.ModelId), "model_id", "must have 1 to 63 of a-z, 0-9 and '-', a letter first");
        Require(spec.Alias.Length == 0 || ModelName.IsId(spec.Alias), "alias", "must have 1 to 63 of a-z, 0-9 and '-', a letter first");
        Require(spec.StudentCase != TrainingSpec.StudentOneofCase.None, "preset", "or base_model must be given");
        Require(spec.StudentCase != TrainingSpec.StudentOneofCase.Preset || T5Preset.Names.Contains(spec.Preset), "preset", $"must be one of {string.Join(", ", T5Preset.Names)}");
    }

    private static void RequireValues(TrainingSpec spec)
    {
        Require(Enum.IsDefined(spec.Mode), "mode", "is not one of the modes");
        Require(Enum.IsDefined(spec.LabelSource), "label_source", "is not one of the sources");
        Require(Enum.IsDefined(spec.Optimizer), "optimizer", "is not one of the optimisers");
        Require(Enum.IsDefined(spec.Scorer), "scorer", "is not one of the scorers");
        Require(!spec.HasDropout || spec.Dropout is >= 0 and <= 0.9, "dropout", "must be between 0 and 0.9");
        Require(spec.WarmupSteps >= 0, "warmup_steps", "must not be negative");
        Require(spec.EvaluationInterval >= 0, "evaluation_interval", "must not be negative");
        Require(spec.CheckpointInterval >= 0, "checkpoint_interval", "must not be negative");
        Require(spec.EarlyStoppingPatience >= 0, "early_stopping_patience", "must not be negative");
        Require(spec.EarlyStoppingPatience == 0 || spec.EvaluationInterval > 0, "early_stopping_patience", "needs an evaluation_interval");
        Require(spec.WeightDecay is >= 0 and <= 1, "weight_decay", "must be between 0 and 1");
        Require(spec.ComputeBudgetFlops is >= 0 and < double.PositiveInfinity, "compute_budget_flops", "must not be negative");
        Require(Enum.IsDefined(spec.LossMean), "loss_mean", "is not one of the means");
        Require(spec.LabelSmoothing is >= 0 and < 1, "label_smoothing", "must be 0 or above, and below 1");
        Require(spec.MutualInformation is >= 0 and <= MaxWeight, "mutual_information", $"must be 0 to {MaxWeight}");
        Require(spec.FrozenParameters.Count <= MaxPatterns && spec.FrozenParameters.All(pattern => pattern.Length is > 0 and <= ModelCard.MaxPrefixLength), "frozen_parameters", $"may hold {MaxPatterns} patterns, none empty or longer than {ModelCard.MaxPrefixLength}");
        Require(spec.Report is null or { Samples: >= 0 and <= ReportSamples.Most }, "report.samples", $"must be 0 to {ReportSamples.Most}");
    }

    // What goes together, and what does not.
    private static void RequireFitting(TrainingSpec spec)
    {
        var (stepByStep, labelOnly) = (spec.Mode is TrainingMode.Unspecified or TrainingMode.DistillingStepByStep, spec.Mode == TrainingMode.LabelOnly);
        Require(spec.MutualInformation == 0 || stepByStep, "mutual_information", "needs label and rationale as two tasks");
        Require(spec.ExplainedLabelWeight is >= 0 and <= MaxWeight, "explained_label_weight", $"must be 0 to {MaxWeight}");
        Require(spec.ExplainedLabelWeight == 0 || stepByStep, "explained_label_weight", "needs label and rationale as two tasks");
        Require(Enum.IsDefined(spec.PrefixPlacement), "prefix_placement", "is not one of the places");
        Require(spec.PrefixPlacement != PrefixPlacement.Decoder || stepByStep, "prefix_placement", "on the decoder needs label and rationale as two tasks");
        Require(!spec.ShuffleRationales || !labelOnly, "shuffle_rationales", "needs rationales");
        Require(!spec.TeacherCorrectOnly || !labelOnly, "teacher_correct_only", "needs rationales");
        Require(spec.RationalesPerRow <= 1 || !labelOnly, "rationales_per_row", "needs rationales");
        Require(spec.SoftLabels is null || spec.Mode != TrainingMode.RationaleThenLabel, "soft_labels", "needs the label as a target of its own");
        Require(spec.MaxInputTokens != 1 || spec.PrefixPlacement == PrefixPlacement.Decoder || (spec.ExplainedLabelWeight == 0 && spec.Mode != TrainingMode.LabelFromRationale), "max_input_tokens", "must be 2 at least for an input and what is read with it");
        Require(spec.BucketBatches is >= 0 and <= MaxBuckets, "bucket_batches", $"must be 0 to {MaxBuckets}");
        Require(spec.BatchTokens is >= 0 and <= MaxBatchTokens, "batch_tokens", $"must be 0 to {MaxBatchTokens}");
    }

    private static void RequireSources(TrainingSpec spec)
    {
        var first = spec.Teacher?.StartAfterRows ?? 0;
        Require(first >= 0, "teacher.start_after_rows", "must not be negative");
        Require(first == 0 || !spec.ShuffleRationales, "shuffle_rationales", "needs all rows, and teacher.start_after_rows begins without");
        Require(first == 0 || spec.SoftLabels is null || spec.SoftLabels.Kind == SoftLabelKind.Tokens, "soft_labels.kind", "needs all rows for the set of labels, and teacher.start_after_rows begins without");
        Require(first == 0 || spec.ComputeBudgetFlops == 0, "compute_budget_flops", "needs all rows, and teacher.start_after_rows begins without");
        if (spec.Teacher?.Invented is { } invented)
        {
            Require(invented.TaskDescription.Length is > 0 and <= MaxDescription, "teacher.invented.task_description", $"must have 1 to {MaxDescription} characters");
            Require(invented.Count is > 0 and <= MaxInvented, "teacher.invented.count", $"must be 1 to {MaxInvented}");
            Require(invented.Labels.Count <= MaxLabels && invented.Labels.All(label => label.Length > 0), "teacher.invented.labels", $"may hold {MaxLabels}, none empty");
        }
    }

    private static void Require(bool condition, string field, string message) => RpcFailure.Require(condition, $"spec.{field}", message);
}
