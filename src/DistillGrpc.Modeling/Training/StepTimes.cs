namespace DistillGrpc.Modeling.Training;

/// <summary>How long the parts of a step took.</summary>
/// <param name="Forward">From the rows to the losses, their tensors among it.</param>
/// <param name="Backward">From the losses to the gradients.</param>
/// <param name="Optimizer">Clipping, the optimiser's step, and letting go of the gradients.</param>
public readonly record struct StepTimes(TimeSpan Forward, TimeSpan Backward, TimeSpan Optimizer);
