namespace DistillGrpc.Modeling.Training;

/// <summary>What one step saw.</summary>
/// <param name="LabelLoss">Mean cross-entropy of the label's tokens; 0 without that task.</param>
/// <param name="RationaleLoss">Mean cross-entropy of the rationale's tokens; 0 without that task.</param>
/// <param name="Loss">The weighted sum.</param>
/// <param name="GradientNorm">Norm of the gradient before clipping.</param>
public readonly record struct StepReport(double LabelLoss, double RationaleLoss, double Loss, double GradientNorm);
