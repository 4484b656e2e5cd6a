using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Modeling.Training;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Training;

/// <summary>The rows of a run as ids, and what had to be cut.</summary>
internal sealed class RunRows
{
    private static readonly TaskRow[] None = [];
    private readonly RunSpec _spec;
    private readonly TaskPrompts _prompts;
    private readonly SoftTargets? _soft;
    private readonly List<TaskRow> _labels = [];
    private readonly List<TaskRow> _rationales = [];
    private readonly List<TaskRow> _explained = [];
    private readonly List<TaskRow> _examples = [];
    private readonly Dictionary<string, List<TaskRow[]>> _ofExamples = [];

    private RunRows(RunSpec spec, ITokenizer tokenizer, SoftTargets? soft)
    {
        (_spec, _prompts, _soft) = (spec, new TaskPrompts(tokenizer, spec.Card), soft);
        RpcFailure.Require(_prompts.AreDistinct, "spec.prefixes.rationale", "looks like the label's prefix to the student's tokenizer");
        var softShare = spec.Soft?.Weight ?? 0;
        Tasks =
        [
            new RunTask(TaskBatch.Label, _labels, spec.Weights.LabelWeight * (1 - softShare)),
            .. spec.StepByStep ? [new RunTask(TaskBatch.Rationale, _rationales, spec.Weights.RationaleWeight)] : Array.Empty<RunTask>(),
            .. spec.Card.ExplainsGivenLabel ? [new RunTask(TaskBatch.RationaleOfLabel, _explained, spec.Source.ExplainedLabelWeight)] : Array.Empty<RunTask>(),
        ];
        foreach (var task in Tasks)
        {
            _ofExamples.Add(task.Name, []);
        }
    }

    /// <summary>The tasks that have rows.</summary>
    public IReadOnlyList<RunTask> Tasks { get; private set; }

    /// <summary>What there is of every example, as one row: its length is that of all its tasks' rows.</summary>
    public IReadOnlyList<TaskRow> Examples => _examples;

    public int LabelRows => _labels.Count;

    public int RationaleRows => _rationales.Count;

    public int ExplainedLabelRows => _explained.Count;

    public int SoftRows { get; private set; }

    public int UnusedRows { get; private set; }

    public int TruncatedInputs { get; private set; }

    public int TruncatedTargets { get; private set; }

    /// <summary>Tokens of the inputs, before any cut.</summary>
    public RunLengths InputLengths { get; } = new();

    /// <summary>Tokens of the label's targets, before any cut.</summary>
    public RunLengths LabelLengths { get; } = new();

    /// <summary>Tokens of the rationale's targets, before any cut.</summary>
    public RunLengths RationaleLengths { get; } = new();

    /// <summary>The labels that soft labels are over, as ids; empty without them.</summary>
    public IReadOnlyList<int[]> LabelSet => [.. (_soft?.Labels ?? []).Select(label => _prompts.Target(label, _spec.MaxTargetTokens).Ids)];

    /// <summary>Makes ids of the rows.</summary>
    /// <exception cref="Grpc.Core.RpcException">They cannot be learnt from.</exception>
    public static RunRows Encode(RunSpec spec, IReadOnlyList<Example> rows, ITokenizer tokenizer, CancellationToken cancellationToken)
    {
        var encoded = new RunRows(spec, tokenizer, spec.Soft is { } soft ? new SoftTargets(soft, rows, tokenizer) : null);
        encoded.Add(RowControls.Apply(spec, rows), cancellationToken);

        RpcFailure.Require(encoded.LabelRows > 0, "example.label", spec.StepByStep || !spec.WantsRationales ? "no row has a label of the chosen source" : "no row has a label of the chosen source and a rationale");
        RpcFailure.Require(spec.Soft is null || encoded.SoftRows > 0, "spec.soft_labels", "no row that is learnt from carries a teacher's distribution of this kind");
        encoded.Tasks = [.. encoded.Tasks.Where(task => task.Rows.Count > 0)];
        return encoded;
    }

    /// <summary>The label that is learnt; empty where there is none.</summary>
    public static string LabelOf(RunSpec spec, Example row) => spec.Source.LabelSource switch
    {
        LabelSource.Gold => row.Label,
        LabelSource.Teacher => row.TeacherLabel,
        _ => row.Label.Length > 0 ? row.Label : row.TeacherLabel,
    };

    /// <summary>Whether a row lacks what it is to be learnt from.</summary>
    public static bool NeedsTeacher(RunSpec spec, Example row) =>
        (spec.WantsRationales && row.Rationale.Length == 0)
        || (spec.Source.LabelSource != LabelSource.Gold && LabelOf(spec, row).Length == 0)
        || (spec.Soft is { } soft && !SoftTargets.IsGiven(soft, row));

    /// <summary>The texts that a vocabulary is built from.</summary>
    public static IEnumerable<string> Texts(RunSpec spec, IReadOnlyList<Example> rows) => rows.SelectMany(row =>
        row.Segments.Append(LabelOf(spec, row)).Append(row.Rationale).Append(spec.Card.LabelPrefix).Append(spec.Card.RationalePrefix));

    /// <summary>A task's rows of an example.</summary>
    public IReadOnlyList<TaskRow> OfExample(string task, int example) => _ofExamples[task][example];

    /// <summary>More rows have come.</summary>
    public void Add(IEnumerable<Example> rows, CancellationToken cancellationToken)
    {
        foreach (var row in rows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Add(row);
        }
    }

    private void Add(Example row)
    {
        var (segments, label, example) = (row.Segments.ToArray(), LabelOf(_spec, row), _examples.Count);
        var rationales = RowControls.Rationales(_spec, row);
        var labels = (label.Length == 0 ? [] : _spec.Source.Mode switch
        {
            TrainingMode.RationaleThenLabel => rationales.Select(reason => Row(_prompts.Label(segments), _prompts.Target(reason, label, _spec.MaxTargetTokens), LabelLengths)),
            TrainingMode.LabelFromRationale => rationales.Select(reason => Row(_prompts.LabelFrom(segments, reason), label, LabelLengths)),
            _ => [Row(_prompts.Label(segments), label, LabelLengths)],
        }).Select(made => _soft?.Soften(made, row) ?? made).ToArray();
        var reasons = _spec.StepByStep ? rationales.Select(reason => Row(_prompts.Rationale(segments), reason, RationaleLengths)).ToArray() : None;
        // The label that the rationale was given for, right or wrong: an explanation has to fit whatever was answered.
        var given = row.TeacherLabel.Length > 0 ? row.TeacherLabel : row.Label;
        var explained = _spec.Card.ExplainsGivenLabel && given.Length > 0 ? rationales.Select(reason => Row(_prompts.RationaleOf(segments, given), reason, RationaleLengths)).ToArray() : None;
        var all = labels.Concat(reasons).Concat(explained).ToArray();
        if (all.Length == 0)
        {
            UnusedRows++;
            return;
        }

        SoftRows += labels.Count(made => made.LabelSoftLabels is not null || made.TokenSoftLabels is not null);
        // With the prefix on the decoder the tasks read the very same input, which goes through the encoder once.
        TaskRow Of(TaskRow made) => made with { Example = example, Input = _spec.Card.PrefixOnDecoder ? all[0].Input : made.Input };
        _examples.Add(new TaskRow(all[0].Input, [.. all.SelectMany(made => made.Target)]));
        Keep(TaskBatch.Label, _labels, Array.ConvertAll(labels, Of));
        Keep(TaskBatch.Rationale, _rationales, Array.ConvertAll(reasons, Of));
        Keep(TaskBatch.RationaleOfLabel, _explained, Array.ConvertAll(explained, Of));
    }

    private void Keep(string task, List<TaskRow> rows, TaskRow[] made)
    {
        rows.AddRange(made);
        _ofExamples.GetValueOrDefault(task)?.Add(made);
    }

    private TaskRow Row(TaskPrompt prompt, string target, RunLengths lengths) => Row(prompt, _prompts.Target(target, _spec.MaxTargetTokens), lengths);

    private TaskRow Row(TaskPrompt prompt, EncodedInput target, RunLengths lengths)
    {
        InputLengths.Add(prompt.Input.OriginalLength);
        lengths.Add(target.OriginalLength);
        TruncatedInputs += prompt.Input.Truncated ? 1 : 0;
        TruncatedTargets += target.Truncated ? 1 : 0;
        return new TaskRow(prompt.Input.Ids, target.Ids) { DecoderPrefix = prompt.DecoderPrefix };
    }
}
