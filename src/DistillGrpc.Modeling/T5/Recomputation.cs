using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>
/// Gradient checkpointing (Chen et al. 2016) by hand: a part of the network runs without a graph and gives a leaf; in the
/// backward pass, last part first, it runs again with one and hands the leaf's gradient on. Memory is one hidden state a
/// part and one part's graph; the price is a second forward pass. Dropout draws the second time what it drew the first.
/// </summary>
internal sealed class Recomputation : IDisposable
{
    private readonly Stack<(Func<Tensor> Part, Tensor Output, Tensor? Dropout)> _parts = [];
    private readonly List<Tensor> _held = [];

    public Tensor Run(Func<Tensor> part)
    {
        using var scope = NewDisposeScope();
        var dropout = T5Dropout.Generator?.get_state().DetachFromDisposeScope();
        using var noGradient = no_grad();
        var output = part().detach().requires_grad_().DetachFromDisposeScope();
        _parts.Push((part, output, dropout));
        return output;
    }

    public Tensor Hold(Tensor input)
    {
        _held.Add(input.DetachFromDisposeScope());
        return input;
    }

    /// <summary>Once the loss's own backward pass has reached the last leaves: takes the gradients through all parts.</summary>
    public void Backward()
    {
        using var scope = NewDisposeScope();
        var end = T5Dropout.Generator?.get_state();
        while (_parts.TryPop(out var part))
        {
            Backward(part.Part, part.Output, part.Dropout);
            part.Output.Dispose();
            part.Dropout?.Dispose();
        }

        if (end is not null)
        {
            T5Dropout.Generator!.set_state(end);
        }
    }

    public void Dispose()
    {
        foreach (var (_, output, dropout) in _parts)
        {
            output.Dispose();
            dropout?.Dispose();
        }

        _parts.Clear();
        _held.ForEach(tensor => tensor.Dispose());
        _held.Clear();
    }

    private static void Backward(Func<Tensor> part, Tensor output, Tensor? dropout)
    {
        using var scope = NewDisposeScope();
        if (output.grad is not { } gradient)
        {
            return;
        }

        if (dropout is not null)
        {
            T5Dropout.Generator!.set_state(dropout);
        }

        var again = part();
        if (again.requires_grad)
        {
            again.backward([gradient]);
        }
    }
}
