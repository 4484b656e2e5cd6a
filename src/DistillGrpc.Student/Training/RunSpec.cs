using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using DistillGrpc.Student.Models;
using LocalTeacher = DistillGrpc.Contracts.V1.LocalTeacher;

namespace DistillGrpc.Student.Training;

/// <summary>A checked run with its defaults filled in.</summary>
internal sealed record RunSpec
{
    private const int MaxSteps = 10_000_000;
    private const int MaxBatch = 4096;
    private const int MaxTokens = 4096;
    private const int MaxVocabulary = 64_000;
    private const double MaxLearningRate = 10;
    private const double MaxWeight = 1000;
    private const double MaxTemperature = 100;
    private const int MaxRationales = 100;

    public required TrainingSpec Source { get; init; }

    public required string ModelId { get; init; }

    public required string Alias { get; init; }

    public required string Preset { get; init; }

    public required ModelCard Card { get; init; }

    public required TrainerOptions Weights { get; init; }

    /// <summary>Whether rows are learnt from with their rationale.</summary>
    public bool WantsRationales => Source.Mode != TrainingMode.LabelOnly;

    /// <summary>Whether label and rationale are two tasks.</summary>
    public bool StepByStep => Source.Mode is TrainingMode.Unspecified or TrainingMode.DistillingStepByStep;

    /// <summary>Whether a batch holds the tasks of the same rows: they share an encoder pass, or are compared.</summary>
    public bool IsPaired => Card.PrefixOnDecoder || Source.MutualInformation > 0;

    public required SoftLabels? Soft { get; init; }

    public required LocalTeacher? Local { get; init; }

    public required int RationalesPerRow { get; init; }

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
        RunChecks.Require(spec);
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
                Form = spec.Mode switch
                {
                    TrainingMode.RationaleThenLabel => PredictionForm.RationaleThenLabel,
                    TrainingMode.LabelFromRationale => PredictionForm.LabelFromRationale,
                    _ => PredictionForm.Separate,
                },
                LacksRationales = spec.Mode == TrainingMode.LabelOnly,
                ExplainsGivenLabel = spec.ExplainedLabelWeight > 0,
                PrefixOnDecoder = spec.PrefixPlacement == PrefixPlacement.Decoder,
                Teacher = spec.Teacher?.Teacher ?? "",
                Prompt = spec.Teacher?.Prompt ?? "",
            },
            Weights = WeightsOf(spec) with
            {
                ClipNorm = spec.ClipNorm == 0 ? 1 : Positive(spec.ClipNorm, "clip_norm", double.MaxValue),
                Mean = spec.LossMean == Contracts.V1.LossMean.Examples ? Modeling.Training.LossMean.Examples : Modeling.Training.LossMean.Tokens,
                LabelSmoothing = spec.LabelSmoothing,
                AccumulationSteps = Within(spec.AccumulationSteps, 1, MaxBatch, "accumulation_steps"),
                Bfloat16 = spec.Bfloat16,
                RecomputeBlocks = spec.RecomputeBlocks,
            },
            Soft = SoftOf(spec),
            Local = LocalOf(spec),
            RationalesPerRow = Within(spec.RationalesPerRow, 1, MaxRationales, "rationales_per_row"),
            Steps = Within(spec.Steps, 1500, MaxSteps, "steps"),
            BatchSize = Within(spec.BatchSize, 16, MaxBatch, "batch_size"),
            UsesAdafactor = adafactor,
            LearningRate = spec.LearningRate == 0 ? (adafactor ? 0.01 : 5e-5) : Positive(spec.LearningRate, "learning_rate", MaxLearningRate),
            MaxTargetTokens = Within(spec.MaxTargetTokens, 256, MaxTokens, "max_target_tokens"),
            VocabularySize = Within(spec.VocabularySize, 6000, MaxVocabulary, "vocabulary_size"),
            Scorer = spec.Scorer == AnswerScorer.Equation ? ScoringRule.Equation : ScoringRule.ExactMatch,
        };
    }

    private static SoftLabels? SoftOf(TrainingSpec spec)
    {
        if (spec.SoftLabels is not { } soft)
        {
            return null;
        }

        Require(soft.Weight is > 0 and <= 1, "soft_labels.weight", "must be above 0 and at most 1");
        Require(Enum.IsDefined(soft.Kind), "soft_labels.kind", "is not one of the kinds");
        Require(soft.Weight < 1 || soft.Kind == SoftLabelKind.Tokens, "soft_labels.weight", "must be below 1 with labels: their distribution does not teach to write one of them");
        return new SoftLabels { Weight = soft.Weight, Kind = soft.Kind, Temperature = Temperature(soft.Temperature, "soft_labels.temperature") };
    }

    private static LocalTeacher? LocalOf(TrainingSpec spec)
    {
        if (spec.LocalTeacher is not { } local)
        {
            return null;
        }

        Require(local.Model.Length > 0, "local_teacher.model", "must be named");
        Require(!local.HasLogitWeight || local.LogitWeight is >= 0 and <= MaxWeight, "local_teacher.logit_weight", $"must be 0 to {MaxWeight}");
        Require(!local.HasHiddenWeight || local.HiddenWeight is >= 0 and <= MaxWeight, "local_teacher.hidden_weight", $"must be 0 to {MaxWeight}");
        var checkedLocal = new LocalTeacher
        {
            Model = local.Model,
            LogitWeight = local.HasLogitWeight ? local.LogitWeight : 1,
            HiddenWeight = local.HasHiddenWeight ? local.HiddenWeight : 1,
            Temperature = Temperature(local.Temperature, "local_teacher.temperature"),
        };
        Require(checkedLocal.LogitWeight + checkedLocal.HiddenWeight > 0, "local_teacher.logit_weight", "and hidden_weight are both 0: the teacher would teach nothing");
        return checkedLocal;
    }

    private static double Temperature(double given, string field) => given == 0 ? 1 : Positive(given, field, MaxTemperature);

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
