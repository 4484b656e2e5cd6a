namespace DistillGrpc.Benchmarks.Training;

/// <summary>A step and its parts, in seconds.</summary>
internal sealed record StepSeconds(double Whole, double Forward, double Backward, double Optimizer, double Data);

/// <summary>What a probe measured.</summary>
/// <param name="Shape">The model's shape.</param>
/// <param name="Both">Both tasks, not one.</param>
/// <param name="Examples">Sequences of a step.</param>
/// <param name="Median">Medians, each part's its own.</param>
/// <param name="Least">The least, each part's its own.</param>
/// <param name="Flops">Operations of a step's own arithmetic.</param>
/// <param name="Peak">libtorch's float32 product between the steps, operations a second.</param>
/// <param name="Share">The median of the steps' shares of it.</param>
/// <param name="Memory">Peak of the process's resident set, bytes.</param>
/// <param name="Before">The resident set with the libraries loaded and no model made.</param>
internal sealed record TrainingFigures(
    string Shape, bool Both, int Examples, StepSeconds Median, StepSeconds Least, double Flops, double Peak, double Share, long Memory, long Before);
