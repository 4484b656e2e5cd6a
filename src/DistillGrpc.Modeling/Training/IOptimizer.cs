using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>Changes parameters by their gradients. It owns its state's memory, not the parameters.</summary>
public interface IOptimizer : IDisposable
{
    /// <summary>Everything that it remembers between steps, by name. The tensors stay the optimiser's and change with it.</summary>
    IReadOnlyDictionary<string, Tensor> State { get; }

    /// <summary>One step. Parameters without a gradient stay as they are.</summary>
    /// <param name="learningRate">The rate of this step.</param>
    void Step(double learningRate);

    /// <summary>Puts it where <see cref="State"/> was taken; what follows is what would have followed there.</summary>
    /// <exception cref="InvalidDataException">The state is not one of an optimiser like this one of these parameters.</exception>
    void Restore(IReadOnlyDictionary<string, Tensor> state);
}
