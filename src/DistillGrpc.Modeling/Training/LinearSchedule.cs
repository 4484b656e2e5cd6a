namespace DistillGrpc.Modeling.Training;

/// <summary>A rate that rises linearly over the warm-up and then falls linearly to zero (transformers' <c>linear</c>).</summary>
/// <param name="Highest">The rate at the end of the warm-up.</param>
/// <param name="WarmupSteps">Steps of the warm-up.</param>
/// <param name="Steps">Steps in all.</param>
public sealed record LinearSchedule(double Highest, int WarmupSteps, int Steps)
{
    /// <summary>The rate of a step, the first being 0.</summary>
    public double At(int step) => step < WarmupSteps
        ? Highest * step / WarmupSteps
        : Highest * Math.Max(0, Steps - step) / Math.Max(1, Steps - WarmupSteps);
}
