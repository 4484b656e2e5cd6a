using DistillGrpc.Modeling.T5;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>One micro-batch's forward pass: one encoder pass for all tasks, then each task's rows through the decoder.</summary>
internal sealed class StepPass
{
    private readonly MicroBatch _rows;
    private readonly T5Trace _trace;

    public StepPass(T5Model model, StepPlan plan, MicroBatch rows, T5Trace trace, bool needsLogits)
    {
        (Model, Plan, _rows, _trace) = (model, plan, rows, trace);
        InputMask = PaddedBatch.Mask(rows.Inputs, model.Device);
        InputIds = PaddedBatch.Pad(rows.Inputs, model.Config.PadId, model.Device);
        Encoded = model.Encode(InputIds, InputMask, trace);
        EncoderStates = [.. trace.TakeStates(), Encoded];
        Decoded = [.. rows.Tasks.Select((task, t) => task.Rows.Count == 0 ? null : Decode(model, Encoded, t, trace, needsLogits))];
    }

    public T5Model Model { get; }

    public StepPlan Plan { get; }

    /// <summary>(B, S): every input once.</summary>
    public Tensor InputIds { get; }

    /// <summary>(B, S).</summary>
    public Tensor InputMask { get; }

    /// <summary>(B, S, D).</summary>
    public Tensor Encoded { get; }

    /// <summary>(B, S, D) each, where they were asked for.</summary>
    public IReadOnlyList<Tensor> EncoderStates { get; }

    /// <summary>For every task its rows through the decoder; null without rows.</summary>
    public IReadOnlyList<DecodedRows?> Decoded { get; }

    public IReadOnlyList<int[]> Inputs => _rows.Inputs;

    public IReadOnlyList<TaskBatch> Tasks => _rows.Tasks;

    /// <summary>Where a task is in the step; -1 where it is not, or has no rows here.</summary>
    public int IndexOf(string task)
    {
        for (var t = 0; t < Tasks.Count; t++)
        {
            if (Tasks[t].Name == task)
            {
                return Decoded[t] is null ? -1 : t;
            }
        }

        return -1;
    }

    /// <summary>A task's rows through a model's decoder: the student's, or a teacher's on what the student reads.</summary>
    /// <param name="model">The model.</param>
    /// <param name="encoded">(B, S, D) of that model.</param>
    /// <param name="task">The task.</param>
    /// <param name="trace">What else is wanted.</param>
    /// <param name="needsLogits">Whether somebody reads the logits.</param>
    public DecodedRows Decode(T5Model model, Tensor encoded, int task, T5Trace trace, bool needsLogits) =>
        Decode(model, encoded, _rows.InputOfRow[task], [.. Tasks[task].Rows.Select(row => (row.DecoderPrefix, row.Target))], trace, needsLogits);

    /// <summary>More targets for some of a task's rows through the student's decoder.</summary>
    /// <param name="task">The task.</param>
    /// <param name="targets">Every target with the row whose input and prefix it has.</param>
    public DecodedRows DecodeMore(int task, IReadOnlyList<(int Row, int[] Target)> targets) =>
        Decode(
            Model, Encoded, [.. targets.Select(target => _rows.InputOfRow[task][target.Row])],
            [.. targets.Select(target => (Tasks[task].Rows[target.Row].DecoderPrefix, target.Target))], _trace, needsLogits: true);

    /// <summary>The mean cross-entropy of a task against its targets, this micro-batch's share of it.</summary>
    public Tensor HardLoss(int task)
    {
        using var scope = NewDisposeScope();
        var (decoded, share) = (Decoded[task]!, Plan.Shares(Plan.Tasks[task].Rows.Select(row => row.Target.Length)));
        var shares = TokenShares(decoded.Lengths, share);
        if (!decoded.HasLogits)
        {
            return HeadLoss.Of(Model, decoded.Hidden, decoded.Targets, shares, Plan.LabelSmoothing, Tasks[task].Weight).MoveToOuterDisposeScope();
        }

        var losses = nn.functional.cross_entropy(decoded.Logits, decoded.Targets, reduction: nn.Reduction.None, label_smoothing: Plan.LabelSmoothing);
        return losses.dot(shares).MoveToOuterDisposeScope();
    }

    /// <summary>(N): the share of every token of rows of these lengths.</summary>
    public Tensor TokenShares(IEnumerable<int> lengths, Func<int, float> share) =>
        tensor(lengths.SelectMany(length => Enumerable.Repeat(share(length), length)).ToArray(), device: Model.Device);

    private DecodedRows Decode(T5Model model, Tensor encoded, int[] inputOfRow, IReadOnlyList<(IReadOnlyList<int> Prefix, int[] Target)> rows, T5Trace trace, bool needsLogits)
    {
        // The inputs of one task mostly follow one another.
        if (!inputOfRow.Where((input, row) => input != inputOfRow[0] + row).Any())
        {
            return new DecodedRows(model, encoded.narrow(0, inputOfRow[0], rows.Count), InputMask.narrow(0, inputOfRow[0], rows.Count), rows, trace, needsLogits);
        }

        var places = tensor(Array.ConvertAll(inputOfRow, input => (long)input), device: Model.Device);
        var selected = T5Trace.Run(trace, () => encoded.index_select(0, places));
        return new DecodedRows(model, selected, InputMask.index_select(0, places), rows, trace, needsLogits);
    }
}
