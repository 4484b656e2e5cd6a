using DistillGrpc.Modeling.T5;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// The cross-entropy of the head's logits without keeping them: a part of the rows at a time gets its logits, its loss and at once the
/// gradient of both its hidden states and the head, so that no more than one part's logits are ever there.
/// </summary>
internal static class HeadLoss
{
    // Enough rows for the matrix products to be as fast as they get.
    private const int RowsOfPart = 128;

    /// <summary>The sum of the rows' cross-entropies times their shares. The head's gradient is added now, the hidden states' in the backward pass.</summary>
    /// <param name="model">Whose head it is.</param>
    /// <param name="hidden">(N, D).</param>
    /// <param name="targets">(N).</param>
    /// <param name="shares">(N).</param>
    /// <param name="labelSmoothing">The share of a target's probability that is spread over the vocabulary.</param>
    /// <param name="weight">What the loss will be multiplied with.</param>
    public static Tensor Of(T5Model model, Tensor hidden, Tensor targets, Tensor shares, double labelSmoothing, double weight)
    {
        using var scope = NewDisposeScope();
        var scaled = model.HeadInput(hidden);
        Tensor loss, gradient;
        using (no_grad())
        {
            (loss, gradient) = LossAndGradient(model.HeadWeight, scaled, targets, shares, labelSmoothing, weight);
        }

        // It has the loss's value and, in the hidden states, its gradient.
        var linear = scaled.to(float32).mul(gradient).sum();
        return linear.add(loss.add(linear.detach(), Scalars.MinusOne), Scalars.One).MoveToOuterDisposeScope();
    }

    private static (Tensor Loss, Tensor Gradient) LossAndGradient(
        Parameter head, Tensor hidden, Tensor targets, Tensor shares, double labelSmoothing, double weight)
    {
        using var scope = NewDisposeScope();
        var gradient = empty(hidden.shape, dtype: float32, device: hidden.device);
        var losses = new List<Tensor>();
        for (long from = 0; from < hidden.shape[0]; from += RowsOfPart)
        {
            var count = Math.Min(RowsOfPart, hidden.shape[0] - from);
            Tensor Part(Tensor all) => all.narrow(0, from, count);
            losses.Add(AddPart(head, Part(hidden), Part(targets).unsqueeze(1), Part(shares).unsqueeze(1), Part(gradient), labelSmoothing, weight));
        }

        return (stack(losses).sum().MoveToOuterDisposeScope(), gradient.MoveToOuterDisposeScope());
    }

    // targets and shares (n, 1).
    private static Tensor AddPart(
        Parameter head, Tensor hidden, Tensor targets, Tensor shares, Tensor gradient, double labelSmoothing, double weight)
    {
        using var scope = NewDisposeScope();
        using Scalar known = labelSmoothing - 1;
        var logs = LogProbabilities(head, hidden);
        var loss = logs.gather(1, targets).mul(known);
        Tensor? spread = null;
        if (labelSmoothing > 0)
        {
            using Scalar minus = -labelSmoothing;
            using Scalar size = head.shape[0];
            loss = loss.add(logs.mean([1], keepdim: true).mul(minus), Scalars.One);
            spread = shares.mul(minus).div(size);
        }

        loss = loss.mul(shares).sum();
        // What is left in place of the logits: their gradient.
        var left = logs.exp_().mul_(shares).scatter_add_(1, targets, shares.mul(known));
        left = (spread is null ? left : left.add_(spread, Scalars.One)).to(hidden.dtype);
        gradient.copy_(left.mm(head));
        if (head.requires_grad && weight != 0)
        {
            AddToHead(head, left, hidden, (float)weight);
        }

        return loss.MoveToOuterDisposeScope();
    }

    private static Tensor LogProbabilities(Parameter head, Tensor hidden)
    {
        using var scope = NewDisposeScope();
        return nn.functional.linear(hidden, head).to(float32).log_softmax(1).MoveToOuterDisposeScope();
    }

    private static void AddToHead(Parameter head, Tensor left, Tensor hidden, float weight)
    {
        var beta = 1f;
        if (head.grad is null)
        {
            (head.grad, beta) = (empty_like(head), 0);
        }

        head.grad!.addmm_(left.t(), hidden, beta, weight);
    }
}
