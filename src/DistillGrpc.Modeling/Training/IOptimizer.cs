namespace DistillGrpc.Modeling.Training;

/// <summary>Changes a model's parameters by their gradients. It owns its state's memory, not the parameters.</summary>
public interface IOptimizer : IDisposable
{
    /// <summary>One step. Parameters without a gradient stay as they are.</summary>
    /// <param name="learningRate">The rate of this step.</param>
    void Step(double learningRate);
}
