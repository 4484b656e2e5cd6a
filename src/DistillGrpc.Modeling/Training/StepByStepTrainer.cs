using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Modeling.Training;

/// <summary><see cref="DistillationTrainer"/> for the two tasks of "Distilling Step-by-Step" (arXiv 2305.02301), label and rationale.</summary>
public sealed class StepByStepTrainer : IDisposable
{
    private readonly DistillationTrainer _trainer;
    private readonly TrainerOptions _options;

    /// <summary>Makes a trainer and puts the model into training mode. Model and optimiser stay the caller's.</summary>
    public StepByStepTrainer(T5Model model, IOptimizer optimizer, TrainerOptions? options = null)
    {
        _options = options ?? new TrainerOptions();
        _trainer = new DistillationTrainer(model, optimizer, _options);
    }

    /// <summary>One step on one batch of each task; an empty batch leaves its task out.</summary>
    /// <exception cref="ArgumentException">Both batches are empty.</exception>
    /// <exception cref="ArithmeticException">The loss or its gradient is not a finite number; the parameters are as they were.</exception>
    public StepReport Step(IReadOnlyList<TaskRow> labels, IReadOnlyList<TaskRow> rationales, double learningRate)
    {
        var outcome = _trainer.Step(
            [new TaskBatch(TaskBatch.Label, labels, _options.LabelWeight), new TaskBatch(TaskBatch.Rationale, rationales, _options.RationaleWeight)],
            learningRate);
        return new StepReport(outcome[TaskBatch.Label], outcome[TaskBatch.Rationale], outcome.Loss, outcome.GradientNorm);
    }

    /// <inheritdoc/>
    public void Dispose() => _trainer.Dispose();
}
