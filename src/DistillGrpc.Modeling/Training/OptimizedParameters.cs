using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>The parameters that learn: those that want a gradient when the optimiser is made.</summary>
internal sealed class OptimizedParameters(IEnumerable<(string Name, Parameter Parameter)> parameters)
{
    private readonly (string Name, Parameter Parameter)[] _all = [.. parameters.Where(named => named.Parameter.requires_grad)];

    /// <summary>The indices, parameters and gradients of those that have a gradient now; they belong to the caller's dispose scope.</summary>
    public (int[] Indices, Tensor[] Parameters, Tensor[] Gradients) WithGradients()
    {
        var found = _all.Select((named, i) => (i, named.Parameter, named.Parameter.grad)).Where(p => p.grad is not null).ToArray();
        return ([.. found.Select(p => p.i)], [.. found.Select(p => (Tensor)p.Parameter)], [.. found.Select(p => p.grad!)]);
    }

    public Tensor[] ZeroStates(Func<Parameter, long[]> shape)
    {
        using var noGradient = no_grad();
        return Array.ConvertAll(_all, named =>
            zeros(shape(named.Parameter), dtype: float32, device: named.Parameter.device).DetachFromDisposeScope());
    }

    public IEnumerable<KeyValuePair<string, Tensor>> Named(string kind, Tensor[] states) =>
        states.Select((state, i) => KeyValuePair.Create($"{_all[i].Name}.{kind}", state));

    /// <summary>Copies numbers into tensors of the same names and shapes.</summary>
    /// <exception cref="InvalidDataException">Names or shapes differ; nothing was copied.</exception>
    public static void Copy(IReadOnlyDictionary<string, Tensor> from, IReadOnlyDictionary<string, Tensor> into)
    {
        foreach (var (name, tensor) in into)
        {
            if (!from.TryGetValue(name, out var found) || !found.shape.SequenceEqual(tensor.shape))
            {
                throw new InvalidDataException($"The saved state has no '{name}' of shape ({string.Join(", ", tensor.shape)}).");
            }
        }

        if (from.Keys.FirstOrDefault(name => !into.ContainsKey(name)) is { } unknown)
        {
            throw new InvalidDataException($"The saved state has '{unknown}', which nothing here is called.");
        }

        using var noGradient = no_grad();
        foreach (var (name, tensor) in into)
        {
            tensor.copy_(from[name]);
        }
    }
}
