using DistillGrpc.Modeling.T5;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// Multi-task training of label and rationale ("Distilling Step-by-Step", arXiv 2305.02301). The inputs of both tasks go
/// through the encoder together; each task's targets go through the decoder by themselves, and each task's loss is its
/// own mean. With one task alone it is ordinary finetuning.
/// </summary>
public sealed class StepByStepTrainer : IDisposable
{
    private readonly T5Model _model;
    private readonly IOptimizer _optimizer;
    private readonly TrainerOptions _options;
    private readonly Tensor _clipNorm;
    private readonly Scalar _labelWeight;
    private readonly Scalar _rationaleWeight;

    /// <summary>Makes a trainer and puts the model into training mode. Model and optimiser stay the caller's.</summary>
    public StepByStepTrainer(T5Model model, IOptimizer optimizer, TrainerOptions? options = null)
    {
        _model = model;
        _optimizer = optimizer;
        _options = options ?? new TrainerOptions();
        _clipNorm = tensor((float)_options.ClipNorm).DetachFromDisposeScope();
        (_labelWeight, _rationaleWeight) = (_options.LabelWeight, _options.RationaleWeight);
        _model.train();
    }

    /// <summary>One step on one batch of each task; an empty batch leaves its task out.</summary>
    /// <exception cref="ArgumentException">Both batches are empty.</exception>
    /// <exception cref="ArithmeticException">The loss or its gradient is not a finite number; the parameters are as they were.</exception>
    public StepReport Step(IReadOnlyList<TaskRow> labels, IReadOnlyList<TaskRow> rationales, double learningRate)
    {
        if (labels.Count + rationales.Count == 0)
        {
            throw new ArgumentException("There is nothing to learn from.");
        }

        using var scope = NewDisposeScope();
        _model.zero_grad();
        var (labelLoss, rationaleLoss) = Losses(labels, rationales);
        var loss = Weighted(labelLoss, rationaleLoss);
        var value = loss.item<float>();
        if (!float.IsFinite(value))
        {
            throw new ArithmeticException("The loss is not a finite number.");
        }

        loss.backward();
        var gradients = _model.parameters().Select(parameter => parameter.grad).OfType<Tensor>().ToArray();
        var norm = OptimizerKernels.Clip(gradients, _clipNorm).item<float>();
        if (!float.IsFinite(norm))
        {
            throw new ArithmeticException("The gradient is not a finite number.");
        }

        _optimizer.Step(learningRate);
        return new StepReport(labelLoss?.item<float>() ?? 0, rationaleLoss?.item<float>() ?? 0, value, norm);
    }

    /// <inheritdoc/>
    public void Dispose() => _clipNorm.Dispose();

    private (Tensor? Label, Tensor? Rationale) Losses(IReadOnlyList<TaskRow> labels, IReadOnlyList<TaskRow> rationales)
    {
        var inputs = labels.Concat(rationales).Select(row => row.Input).ToArray();
        var mask = PaddedBatch.Mask(inputs);
        var encoded = _model.Encode(PaddedBatch.Pad(inputs, _model.Config.PadId), mask);
        return (Loss(labels, encoded, mask, 0), Loss(rationales, encoded, mask, labels.Count));
    }

    private Tensor? Loss(IReadOnlyList<TaskRow> rows, Tensor encoded, Tensor mask, int first)
    {
        if (rows.Count == 0)
        {
            return null;
        }

        var targets = PaddedBatch.Pad([.. rows.Select(row => row.Target)], PaddedBatch.Ignored);
        var logits = _model.Decode(
            encoded.narrow(0, first, rows.Count), mask.narrow(0, first, rows.Count), _model.ShiftRight(targets));
        return T5Model.Loss(logits, targets);
    }

    private Tensor Weighted(Tensor? label, Tensor? rationale)
    {
        var weightedLabel = label is null ? null : label * _labelWeight;
        var weightedRationale = rationale is null ? null : rationale * _rationaleWeight;
        return weightedLabel is not null && weightedRationale is not null
            ? weightedLabel.add(weightedRationale, Scalars.One)
            : (weightedLabel ?? weightedRationale)!;
    }
}
