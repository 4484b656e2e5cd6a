namespace DistillGrpc.Modeling.Training;

/// <summary>How losses are taken, how far a step may go, and what it costs.</summary>
public sealed record TrainerOptions
{
    /// <summary>Weight of the label's loss in <see cref="StepByStepTrainer"/>; default 1.</summary>
    public double LabelWeight { get; init; } = 1;

    /// <summary>Weight of the rationale's loss in <see cref="StepByStepTrainer"/>, the paper's lambda; default 1.</summary>
    public double RationaleWeight { get; init; } = 1;

    /// <summary>Gradients are scaled down to this norm; default 1.</summary>
    public double ClipNorm { get; init; } = 1;

    /// <summary>Over what a task's loss is a mean; default its tokens.</summary>
    public LossMean Mean { get; init; } = LossMean.Tokens;

    /// <summary>Share of the target's probability that is spread over the vocabulary, 0 to below 1; default 0.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>
    /// Parts that a step's rows are cut into, one after another through the model, to save memory; default 1. Means are those
    /// of the whole step, so the gradient is the whole batch's; rows of one <see cref="TaskRow.Example"/> stay together.
    /// </summary>
    public int AccumulationSteps { get; init; } = 1;

    /// <summary>Forward and backward pass in bfloat16 on a copy of the model, the model itself and the optimiser in float32; default off.</summary>
    public bool Bfloat16 { get; init; }

    /// <summary>
    /// Gradient checkpointing: blocks are computed again in the backward pass instead of being kept; default off. With dropout
    /// the thread needs a generator of its own, <see cref="T5.T5Dropout.Generator"/>.
    /// </summary>
    public bool RecomputeBlocks { get; init; }

    /// <summary>L = L_label + lambda * L_rationale (arXiv 2305.02301, equation 5).</summary>
    public static TrainerOptions FromLambda(double lambda) => new() { RationaleWeight = lambda };

    /// <summary>L = alpha * L_label + (1 - alpha) * L_rationale, as the reference code has it.</summary>
    public static TrainerOptions FromAlpha(double alpha) => new() { LabelWeight = alpha, RationaleWeight = 1 - alpha };
}
