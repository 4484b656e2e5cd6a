using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>The parameters of a model that learn.</summary>
internal sealed class OptimizedParameters(nn.Module model)
{
    private readonly Parameter[] _all = [.. model.parameters().Where(parameter => parameter.requires_grad)];

    public IReadOnlyList<Parameter> All => _all;

    /// <summary>The indices, parameters and gradients of those that have a gradient now; they belong to the caller's dispose scope.</summary>
    public (int[] Indices, Tensor[] Parameters, Tensor[] Gradients) WithGradients()
    {
        var found = _all.Select((parameter, i) => (i, parameter, parameter.grad)).Where(p => p.grad is not null).ToArray();
        return ([.. found.Select(p => p.i)], [.. found.Select(p => (Tensor)p.parameter)], [.. found.Select(p => p.grad!)]);
    }

    public Tensor[] ZeroStates(Func<Parameter, long[]> shape)
    {
        using var noGradient = no_grad();
        return Array.ConvertAll(_all, parameter =>
            zeros(shape(parameter), dtype: float32, device: parameter.device).DetachFromDisposeScope());
    }
}
