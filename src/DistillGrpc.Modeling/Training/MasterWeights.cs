using DistillGrpc.Modeling.T5;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// Mixed precision by hand: a bfloat16 copy of a float32 model computes, its gradients are added up in float32 on the model's own
/// parameters, and after the optimiser's step the copy takes their numbers.
/// </summary>
internal sealed class MasterWeights : IDisposable
{
    private readonly (Parameter Master, Parameter Copy)[] _pairs;

    public MasterWeights(T5Model model)
    {
        Copy = model.Copy(bfloat16);
        Copy.train();
        _pairs = [.. model.parameters().Zip(Copy.parameters())];
        foreach (var (master, copy) in _pairs)
        {
            copy.requires_grad = master.requires_grad;
        }
    }

    /// <summary>What computes.</summary>
    public T5Model Copy { get; }

    public void Dispose() => Copy.Dispose();

    /// <summary>Adds the copy's gradients to the model's, and takes them from the copy.</summary>
    public void TakeGradients()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var (master, copy) in _pairs)
        {
            if (copy.grad is { } gradient)
            {
                var wide = gradient.to(float32);
                master.grad = master.grad?.add(wide, Scalars.One) ?? wide;
            }
        }

        Copy.zero_grad();
    }

    /// <summary>The model has changed.</summary>
    public void Refresh()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var (master, copy) in _pairs)
        {
            copy.copy_(master);
        }
    }
}
