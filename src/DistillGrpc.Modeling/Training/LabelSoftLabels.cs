using DistillGrpc.Modeling.T5;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// Soft labels over a closed set (<see cref="TaskRow.LabelSoftLabels"/>): the student's score of a label is the sum of its
/// tokens' log-probabilities given the input, its distribution the softmax of the scores over the set at temperature T. The
/// loss is T^2 * KL(teacher || student), a mean over the rows that have soft labels. It costs one decoder pass of all labels
/// for these rows, no further encoder pass.
/// </summary>
/// <param name="task">The task whose rows carry them.</param>
/// <param name="labels">The labels as ids, each ending with the end-of-sequence id.</param>
/// <param name="weight">Weight of the term.</param>
/// <param name="temperature">T, over 0; default 1.</param>
public sealed class LabelSoftLabels(string task, IReadOnlyList<int[]> labels, double weight, double temperature = 1) : LossTerm
{
    private readonly Tempered _tempered = new(temperature);

    // The labels' logits are its own.
    internal override bool NeedsLogits => false;

    internal override IEnumerable<TermLoss> Losses(StepPass pass)
    {
        var index = pass.IndexOf(task);
        var rows = index < 0 ? [] : Enumerable.Range(0, pass.Tasks[index].Rows.Count).Where(i => pass.Tasks[index].Rows[i].LabelSoftLabels is not null).ToArray();
        if (rows.Length > 0)
        {
            yield return new TermLoss($"{task}.soft", weight, Loss(pass, index, rows));
        }
    }

    // No scope: with blocks computed again, what the decoder read has to live until the backward pass.
    private Tensor Loss(StepPass pass, int index, int[] rows)
    {
        var all = pass.Plan.Tasks[index].Rows.Count(row => row.LabelSoftLabels is not null);
        var decoded = pass.DecodeMore(index, [.. rows.SelectMany(row => labels.Select(label => (row, label)))]);
        var tokens = decoded.Logits.log_softmax(1).gather(1, decoded.Targets.unsqueeze(1)).squeeze(1);
        var label = tensor(decoded.Lengths.SelectMany((length, i) => Enumerable.Repeat((long)i, length)).ToArray(), device: pass.Model.Device);
        var scores = zeros(decoded.Lengths.Length, device: pass.Model.Device).index_add(0, label, tokens, Scalars.One).view(rows.Length, labels.Count);
        var teacher = rows.Select(row => Teacher(pass.Tasks[index].Rows[row].LabelSoftLabels!)).ToArray();
        var share = _tempered.Square / all;
        var shares = teacher.SelectMany(row => row.Select(p => (float)(p * share))).ToArray();
        var crossEntropy = _tempered.LogSoftmax(scores).mul(tensor(shares, rows.Length, labels.Count, device: pass.Model.Device)).sum().neg();
        return crossEntropy.add(tensor((float)(share * teacher.Sum(Tempered.NegativeEntropy)), device: pass.Model.Device), Scalars.One);
    }

    private double[] Teacher(IReadOnlyList<float> probabilities) => probabilities.Count == labels.Count
        ? _tempered.Of(probabilities)
        : throw new ArgumentException($"A row of task '{task}' has {probabilities.Count} label probabilities; there are {labels.Count} labels.");
}
