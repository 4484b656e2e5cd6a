using DistillGrpc.Modeling.T5;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// The mutual-information term of "Learning to Maximize Mutual Information for Chain-of-Thought Distillation" (Chen et al.
/// 2024, arXiv 2403.03348), for pairs of rows of one example (<see cref="TaskRow.Example"/>). With z the logits,
/// <c>P(v) = max over t of softmax(z_label,t)(v)</c>, taken as a constant, and <c>E(v) = max over t of softmax(z_rationale,t)(v)</c>,
/// the loss is the mean over pairs of <c>- sum over v of P(v) log softmax(E)(v)</c>.
/// That is what the paper's released code computes: it hands the pooled probabilities to a cross-entropy that takes them for
/// logits, so a softmax is applied twice and the gradient is faint. Its maxima include padding; ours are over targets alone.
/// With <c>normalized</c> both poolings are divided by their sums instead: <c>- sum over v of P'(v) log E'(v)</c>, a
/// cross-entropy of distributions.
/// </summary>
/// <param name="beta">Weight; default 0.1, the paper's.</param>
/// <param name="normalized">The second form; default the first.</param>
/// <param name="labelTask">The task whose pooled distribution is the target.</param>
/// <param name="rationaleTask">The task that is drawn to it.</param>
public sealed class MutualInformation(
    double beta = 0.1, bool normalized = false, string labelTask = TaskBatch.Label, string rationaleTask = TaskBatch.Rationale) : LossTerm
{
    /// <summary>The term's name in a step's losses.</summary>
    public const string Name = "mutual_information";

    internal override IEnumerable<TermLoss> Losses(StepPass pass)
    {
        var (label, rationale) = (pass.IndexOf(labelTask), pass.IndexOf(rationaleTask));
        if (label >= 0 && rationale >= 0 && Pairs(pass.Tasks[label], pass.Tasks[rationale]) is { Length: > 0 } pairs)
        {
            yield return new TermLoss(Name, beta, Loss(pass, label, rationale, pairs));
        }
    }

    private Tensor Loss(StepPass pass, int label, int rationale, (int Label, int Rationale)[] pairs)
    {
        using var scope = NewDisposeScope();
        var target = Pool(pass.Decoded[label]!, [.. pairs.Select(pair => pair.Label)]).detach();
        var pooled = Pool(pass.Decoded[rationale]!, [.. pairs.Select(pair => pair.Rationale)]);
        var share = tensor(1f / Pairs(pass.Plan.Tasks[label], pass.Plan.Tasks[rationale]).Length, device: pass.Model.Device);
        var logs = normalized ? pooled.div(pooled.sum(1, keepdim: true)).log() : pooled.log_softmax(1);
        target = normalized ? target.div(target.sum(1, keepdim: true)) : target;
        return target.mul(logs).sum().neg().mul(share).MoveToOuterDisposeScope();
    }

    // (rows, V): the highest probability that any of a row's target positions gives to each token.
    private static Tensor Pool(DecodedRows decoded, int[] rows)
    {
        var probabilities = decoded.Logits.softmax(1);
        var starts = new int[decoded.Lengths.Length];
        for (var row = 1; row < starts.Length; row++)
        {
            starts[row] = starts[row - 1] + decoded.Lengths[row - 1];
        }

        return stack([.. rows.Select(row => probabilities.narrow(0, starts[row], decoded.Lengths[row]).amax(0))]);
    }

    // A label row has at most one partner for every rationale row of its example.
    private static (int Label, int Rationale)[] Pairs(TaskBatch labels, TaskBatch rationales)
    {
        var labelOf = new Dictionary<int, int>();
        for (var i = 0; i < labels.Rows.Count; i++)
        {
            labelOf.TryAdd(labels.Rows[i].Example, i);
        }

        return [.. Enumerable.Range(0, rationales.Rows.Count)
            .Where(i => rationales.Rows[i].Example >= 0 && labelOf.ContainsKey(rationales.Rows[i].Example))
            .Select(i => (labelOf[rationales.Rows[i].Example], i))];
    }
}
