using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Modeling.Training;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Training;

/// <summary>The rows of a run as ids, and what had to be cut.</summary>
internal sealed class RunRows
{
    public List<TaskRow> Labels { get; } = [];

    public List<TaskRow> Rationales { get; } = [];

    public int TruncatedInputs { get; private set; }

    public int TruncatedTargets { get; private set; }

    public static RunRows Encode(RunSpec spec, IReadOnlyList<Example> rows, ITokenizer tokenizer, CancellationToken cancellationToken)
    {
        var encoded = new RunRows();
        foreach (var row in rows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (LabelOf(spec, row) is { Length: > 0 } label)
            {
                encoded.Labels.Add(encoded.Row(spec, tokenizer, spec.Card.LabelPrefix, row, label));
            }

            if (spec.StepByStep && row.Rationale.Length > 0)
            {
                encoded.Rationales.Add(encoded.Row(spec, tokenizer, spec.Card.RationalePrefix, row, row.Rationale));
            }
        }

        return encoded;
    }

    /// <summary>The tasks, each at the beginning of its order.</summary>
    public IReadOnlyList<RunTask> Tasks(RunSpec spec) =>
    [
        new RunTask(TaskBatch.Label, Labels, spec.Weights.LabelWeight).Begin(spec),
        .. Rationales.Count > 0 ? [new RunTask(TaskBatch.Rationale, Rationales, spec.Weights.RationaleWeight).Begin(spec)] : Array.Empty<RunTask>(),
    ];

    public static string LabelOf(RunSpec spec, Example row) => spec.Source.LabelSource switch
    {
        LabelSource.Gold => row.Label,
        LabelSource.Teacher => row.TeacherLabel,
        _ => row.Label.Length > 0 ? row.Label : row.TeacherLabel,
    };

    /// <summary>Whether a row lacks what it is to be learnt from.</summary>
    public static bool NeedsTeacher(RunSpec spec, Example row) => spec.StepByStep ? row.Rationale.Length == 0 : LabelOf(spec, row).Length == 0 && spec.Source.LabelSource != LabelSource.Gold;

    /// <summary>The texts that a vocabulary is built from.</summary>
    public static IEnumerable<string> Texts(RunSpec spec, IReadOnlyList<Example> rows) => rows.SelectMany(row =>
        row.Segments.Append(LabelOf(spec, row)).Append(row.Rationale).Append(spec.Card.LabelPrefix).Append(spec.Card.RationalePrefix));

    private TaskRow Row(RunSpec spec, ITokenizer tokenizer, string prefix, Example row, string target)
    {
        var input = InputEncoder.Encode(tokenizer, prefix, [.. row.Segments], spec.Card.MaxInputTokens);
        var ids = InputEncoder.Encode(tokenizer, "", [target], spec.MaxTargetTokens);
        TruncatedInputs += input.Truncated ? 1 : 0;
        TruncatedTargets += ids.Truncated ? 1 : 0;
        return new TaskRow(input.Ids, ids.Ids);
    }
}
