namespace DistillGrpc.Modeling.Training;

/// <summary>What one step saw.</summary>
/// <param name="Losses">The mean loss of every task that had rows and of every loss term, by name, without its weight.</param>
/// <param name="Loss">The weighted sum.</param>
/// <param name="GradientNorm">Norm of the gradient before clipping.</param>
public sealed record StepOutcome(IReadOnlyDictionary<string, double> Losses, double Loss, double GradientNorm)
{
    /// <summary>One loss; 0 where the step had none of that name.</summary>
    public double this[string name] => Losses.GetValueOrDefault(name);
}
