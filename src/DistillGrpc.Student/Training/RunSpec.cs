using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Training.Reports;

namespace DistillGrpc.Student.Training;

/// <summary>A checked run with its defaults filled in.</summary>
internal sealed record RunSpec
{
    private const int MaxSteps = 10_000_000;
    private const int MaxBatch = 4096;
    private const int MaxTokens = 4096;
    private const int MaxVocabulary = 64_000;
    private const double MaxLearningRate = 10;

    public required TrainingSpec Source { get; init; }

    public required string ModelId { get; init; }

    public required string Alias { get; init; }

    public required string Preset { get; init; }

    public required ModelCard Card { get; init; }

    public required TrainerOptions Weights { get; init; }

    public required bool StepByStep { get; init; }

    public required int Steps { get; init; }

    public required int BatchSize { get; init; }

    public required bool UsesAdafactor { get; init; }

    public required double LearningRate { get; init; }

    public required int MaxTargetTokens { get; init; }

    public required int VocabularySize { get; init; }

    public required ScoringRule Scorer { get; init; }

    public int Seed => unchecked((int)(Source.Seed ^ (Source.Seed >> 32)));

    /// <summary>Checks a spec.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT naming the field.</exception>
    public static RunSpec Check(TrainingSpec spec)
    {
        Require(ModelName.IsId(spec.ModelId), "model_id", "must have 1 to 63 of a-z, 0-9 and '-', a letter first");
        Require(spec.Alias.Length == 0 || ModelName.IsId(spec.Alias), "alias", "must have 1 to 63 of a-z, 0-9 and '-', a letter first");
        Require(spec.StudentCase != TrainingSpec.StudentOneofCase.None, "preset", "or base_model must be given");
        Require(spec.StudentCase != TrainingSpec.StudentOneofCase.Preset || T5Preset.Names.Contains(spec.Preset), "preset", $"must be one of {string.Join(", ", T5Preset.Names)}");
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
        Require(spec.Report is null or { Samples: >= 0 and <= ReportSamples.Most }, "report.samples", $"must be 0 to {ReportSamples.Most}");
        var labelPrefix = Prefix(spec.Prefixes?.Label, ModelCard.DefaultLabelPrefix, "prefixes.label");
        var rationalePrefix = Prefix(spec.Prefixes?.Rationale, ModelCard.DefaultRationalePrefix, "prefixes.rationale");
        Require(labelPrefix != rationalePrefix, "prefixes.rationale", "must differ from the label's, or the tasks cannot be told apart");
        var adafactor = spec.Optimizer == Optimizer.Adafactor || (spec.Optimizer == Optimizer.Unspecified && spec.StudentCase == TrainingSpec.StudentOneofCase.Preset);
        return new RunSpec
        {
            Source = spec,
            ModelId = spec.ModelId,
            Alias = spec.Alias.Length > 0 ? spec.Alias : ModelName.Stable,
            Preset = spec.Preset,
            Card = new ModelCard
            {
                LabelPrefix = labelPrefix,
                RationalePrefix = rationalePrefix,
                MaxInputTokens = Within(spec.MaxInputTokens, 512, MaxTokens, "max_input_tokens"),
            },
            Weights = WeightsOf(spec) with { ClipNorm = spec.ClipNorm == 0 ? 1 : Positive(spec.ClipNorm, "clip_norm", double.MaxValue) },
            StepByStep = spec.Mode != TrainingMode.LabelOnly,
            Steps = Within(spec.Steps, 1500, MaxSteps, "steps"),
            BatchSize = Within(spec.BatchSize, 16, MaxBatch, "batch_size"),
            UsesAdafactor = adafactor,
            LearningRate = spec.LearningRate == 0 ? (adafactor ? 0.01 : 5e-5) : Positive(spec.LearningRate, "learning_rate", MaxLearningRate),
            MaxTargetTokens = Within(spec.MaxTargetTokens, 256, MaxTokens, "max_target_tokens"),
            VocabularySize = Within(spec.VocabularySize, 6000, MaxVocabulary, "vocabulary_size"),
            Scorer = spec.Scorer == AnswerScorer.Equation ? ScoringRule.Equation : ScoringRule.ExactMatch,
        };
    }

    private static string Prefix(string? given, string otherwise, string field)
    {
        Require(given is null || given.Length <= ModelCard.MaxPrefixLength, field, $"may have {ModelCard.MaxPrefixLength} characters");
        return string.IsNullOrEmpty(given) ? otherwise : given;
    }

    private static TrainerOptions WeightsOf(TrainingSpec spec)
    {
        switch (spec.WeightingCase)
        {
            case TrainingSpec.WeightingOneofCase.Alpha:
                Require(spec.Alpha is > 0 and < 1, "alpha", "must be above 0 and below 1");
                return TrainerOptions.FromAlpha(spec.Alpha);
            case TrainingSpec.WeightingOneofCase.Lambda:
                Require(spec.Lambda is > 0 and <= 1000, "lambda", "must be above 0 and at most 1000");
                return TrainerOptions.FromLambda(spec.Lambda);
            default:
                return new TrainerOptions();
        }
    }

    private static int Within(int value, int otherwise, int most, string field)
    {
        Require(value >= 0 && value <= most, field, $"must be 1 to {most}, or 0 for {otherwise}");
        return value == 0 ? otherwise : value;
    }

    private static double Positive(double value, string field, double most)
    {
        Require(value > 0 && value <= most, field, most < double.MaxValue ? $"must be above 0 and at most {most}" : "must be above 0");
        return value;
    }

    private static void Require(bool condition, string field, string message) => RpcFailure.Require(condition, $"spec.{field}", message);
}
