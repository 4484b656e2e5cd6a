using System.CommandLine;
using DistillGrpc.Cli.Datasets;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Training;

/// <summary>The options that say what is trained, and how.</summary>
internal sealed class TrainingOptions
{
    /// <summary>What the sources of labels are called.</summary>
    public static readonly IReadOnlyDictionary<string, LabelSource> LabelSources = new Dictionary<string, LabelSource>
    {
        ["gold-else-teacher"] = LabelSource.GoldElseTeacher,
        ["gold"] = LabelSource.Gold,
        ["teacher"] = LabelSource.Teacher,
    };

    private static readonly Dictionary<string, TrainingMode> Modes = new()
    {
        ["step-by-step"] = TrainingMode.DistillingStepByStep,
        ["label-only"] = TrainingMode.LabelOnly,
        ["rationale-then-label"] = TrainingMode.RationaleThenLabel,
        ["label-from-rationale"] = TrainingMode.LabelFromRationale,
    };

    private readonly Option<string> _id = new("--id") { Description = "Id of the model to make; one that is there gets a new version.", Required = true };
    private readonly Option<string> _alias = new("--alias") { Description = "The alias that the new version gets; under 'stable' it answers for the model.", DefaultValueFactory = _ => "stable" };
    private readonly Option<string> _dataset = new("--dataset") { Description = "A dataset of the Student's to learn from, datasets/{id} (besides --data, where there is one).", DefaultValueFactory = _ => "" };
    private readonly Option<string> _evalDataset = new("--eval-dataset") { Description = "A dataset with held-out rows.", DefaultValueFactory = _ => "" };
    private readonly Option<string> _extraction = new("--extraction") { Description = "An extraction of the Student's Teacher, extractions/{id}, whose rows are learnt from (besides the others).", DefaultValueFactory = _ => "" };
    private readonly Option<string> _from = new("--from") { Description = "A size (micro, mini, small, base), or a model that the Student has, models/{id}.", DefaultValueFactory = _ => "micro" };
    private readonly Option<string> _mode = new("--mode") { Description = "How the rows are learnt.", DefaultValueFactory = _ => "step-by-step" };
    private readonly Option<string> _labels = new("--labels") { Description = "Which label is the target.", DefaultValueFactory = _ => "gold-else-teacher" };
    private readonly Option<double> _lambda = new("--lambda") { Description = "Weight of the rationale's loss against the label's.", DefaultValueFactory = _ => 1 };
    private readonly Option<string> _optimizer = new("--optimizer") { Description = "adafactor or adamw; default the Student's for --from.", DefaultValueFactory = _ => "" };
    private readonly Option<int> _batch = new("--batch-size") { Description = "Examples in a batch; 0 for the Student's default." };
    private readonly Option<int> _steps = new("--steps") { Description = "Steps; 0 for the Student's default." };
    private readonly Option<double> _rate = new("--learning-rate") { Description = "Highest learning rate; 0 for the Student's default." };
    private readonly Option<double?> _dropout = new("--dropout") { Description = "Dropout, 0 to 0.9; default the Student's for --from." };
    private readonly Option<long> _seed = new("--seed") { Description = "Seed of order and initialisation." };
    private readonly Option<bool> _equations = new("--equations") { Description = "Labels are equations, compared by value." };
    private readonly Option<int> _evaluate = new("--evaluate-every") { Description = "Answers the held-out rows every so many steps; default at the end alone." };
    private readonly Option<int> _patience = new("--patience") { Description = "With --evaluate-every: stops when so many evaluations were no better, and keeps the best." };
    private readonly ModeOptions _how = new();
    private readonly Option<int> _checkpoint = new("--checkpoint-every") { Description = "Writes a checkpoint every so many steps; default about every five minutes." };

    public TrainingOptions()
    {
        _mode.AcceptOnlyFromAmong([.. Modes.Keys]);
        _labels.AcceptOnlyFromAmong([.. LabelSources.Keys]);
        _optimizer.AcceptOnlyFromAmong("", "adafactor", "adamw");
    }

    public Command AddTo(Command command)
    {
        foreach (var option in new Option[]
        {
            _id, _alias, _dataset, _evalDataset, _extraction, _from, _mode, _labels, _lambda, _optimizer, _batch, _steps, _rate, _dropout, _seed, _equations, _evaluate, _patience, _checkpoint,
        })
        {
            command.Options.Add(option);
        }

        _how.AddTo(command);
        return command;
    }

    /// <summary>Whether there are rows without a file.</summary>
    public static bool HasSource(TrainingSpec spec) => spec.Dataset.Length > 0 || spec.Teacher.Extraction.Length > 0 || spec.Teacher.Invented is not null;

    /// <summary>Puts the whole names of datasets in the place of those that people write.</summary>
    public static async Task ResolveAsync(TrainingSpec spec, DatasetClient client, CancellationToken cancellationToken)
    {
        spec.Dataset = spec.Dataset.Length > 0 ? await DatasetText.ResolveAsync(client, spec.Dataset, cancellationToken) : "";
        spec.EvaluationDataset = spec.EvaluationDataset.Length > 0 ? await DatasetText.ResolveAsync(client, spec.EvaluationDataset, cancellationToken) : "";
    }

    public TrainingSpec Of(ParseResult parsed)
    {
        var spec = new TrainingSpec
        {
            ModelId = parsed.GetValue(_id),
            Alias = parsed.GetValue(_alias),
            Dataset = parsed.GetValue(_dataset),
            EvaluationDataset = parsed.GetValue(_evalDataset),
            Mode = Modes[parsed.GetValue(_mode)!],
            Teacher = new TeacherSource { Extraction = parsed.GetValue(_extraction) },
            LabelSource = LabelSources[parsed.GetValue(_labels)!],
            Lambda = parsed.GetValue(_lambda),
            Optimizer = parsed.GetValue(_optimizer) switch { "adafactor" => Optimizer.Adafactor, "adamw" => Optimizer.Adamw, _ => Optimizer.Unspecified },
            BatchSize = parsed.GetValue(_batch),
            Steps = parsed.GetValue(_steps),
            LearningRate = parsed.GetValue(_rate),
            Seed = parsed.GetValue(_seed),
            Scorer = parsed.GetValue(_equations) ? AnswerScorer.Equation : AnswerScorer.ExactMatch,
            EvaluationInterval = parsed.GetValue(_evaluate),
            EarlyStoppingPatience = parsed.GetValue(_patience),
            CheckpointInterval = parsed.GetValue(_checkpoint),
        };
        if (parsed.GetValue(_dropout) is { } dropout)
        {
            spec.Dropout = dropout;
        }

        if (parsed.GetValue(_from)!.Contains('/', StringComparison.Ordinal))
        {
            spec.BaseModel = parsed.GetValue(_from);
        }
        else
        {
            spec.Preset = parsed.GetValue(_from);
        }

        _how.Set(parsed, spec);
        return spec;
    }
}
