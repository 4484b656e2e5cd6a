namespace DistillGrpc.Modeling.Training;

/// <summary>How the losses of the two tasks become one, and how far a step may go.</summary>
public sealed record TrainerOptions
{
    /// <summary>Weight of the label's loss; default 1.</summary>
    public double LabelWeight { get; init; } = 1;

    /// <summary>Weight of the rationale's loss, the paper's lambda; default 1.</summary>
    public double RationaleWeight { get; init; } = 1;

    /// <summary>Gradients are scaled down to this norm; default 1.</summary>
    public double ClipNorm { get; init; } = 1;

    /// <summary>L = L_label + lambda * L_rationale (arXiv 2305.02301, equation 5).</summary>
    public static TrainerOptions FromLambda(double lambda) => new() { RationaleWeight = lambda };

    /// <summary>L = alpha * L_label + (1 - alpha) * L_rationale, as the reference code has it.</summary>
    public static TrainerOptions FromAlpha(double alpha) => new() { LabelWeight = alpha, RationaleWeight = 1 - alpha };
}
