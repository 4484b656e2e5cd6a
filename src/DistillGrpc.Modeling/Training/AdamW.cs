using DistillGrpc.Modeling.T5;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019), libtorch's fused kernel.</summary>
public sealed class AdamW : IOptimizer
{
    private readonly OptimizedParameters _parameters;
    private readonly Tensor[] _means;
    private readonly Tensor[] _squares;
    private readonly Tensor[] _steps;
    private readonly Tensor[] _numbers;

    /// <summary>Makes the optimiser of a model's parameters.</summary>
    /// <param name="model">The model.</param>
    /// <param name="beta1">Decay of the mean; default 0.9.</param>
    /// <param name="beta2">Decay of the square; default 0.999.</param>
    /// <param name="epsilon">Added to the root of the square; default 1e-8.</param>
    /// <param name="weightDecay">Decoupled decay of every parameter; default 0.</param>
    public AdamW(nn.Module model, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0)
        : this(model.named_parameters(), beta1, beta2, epsilon, weightDecay)
    {
    }

    /// <summary>Makes the optimiser of parameters by name, those of loss terms among them.</summary>
    /// <param name="parameters">The parameters; those that want no gradient are left alone.</param>
    /// <param name="beta1">Decay of the mean; default 0.9.</param>
    /// <param name="beta2">Decay of the square; default 0.999.</param>
    /// <param name="epsilon">Added to the root of the square; default 1e-8.</param>
    /// <param name="weightDecay">Decoupled decay of every parameter; default 0.</param>
    public AdamW(IEnumerable<(string Name, Parameter Parameter)> parameters, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0)
    {
        _parameters = new OptimizedParameters(parameters);
        _means = _parameters.ZeroStates(p => p.shape);
        _squares = _parameters.ZeroStates(p => p.shape);
        _steps = _parameters.ZeroStates(_ => []);
        _numbers = [.. new[] { beta1, beta2, epsilon, weightDecay }.Select(n => tensor(n, float64).DetachFromDisposeScope())];
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor>(
        [.. _parameters.Named("mean", _means), .. _parameters.Named("square", _squares), .. _parameters.Named("step", _steps)]);

    /// <inheritdoc/>
    public void Restore(IReadOnlyDictionary<string, Tensor> state) => OptimizedParameters.Copy(state, State);

    /// <inheritdoc/>
    public void Step(double learningRate)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var (indices, parameters, gradients) = _parameters.WithGradients();
        if (indices.Length == 0)
        {
            return;
        }

        var steps = Pick(_steps, indices);
        foreach (var step in steps)
        {
            step.add_(Scalars.One, Scalars.One);
        }

        OptimizerKernels.AdamW(
            parameters, gradients, Pick(_means, indices), Pick(_squares, indices), steps,
            tensor(learningRate, float32), _numbers[0], _numbers[1], _numbers[2], _numbers[3]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var state in _means.Concat(_squares).Concat(_steps).Concat(_numbers))
        {
            state.Dispose();
        }
    }

    private static Tensor[] Pick(Tensor[] all, int[] indices) => Array.ConvertAll(indices, i => all[i]);
}
