using TorchSharp.Modules;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>Something that a step minimises beside its tasks' cross-entropies. The step adds it with its weight.</summary>
public abstract class LossTerm : IDisposable
{
    private protected LossTerm()
    {
    }

    /// <summary>What the term itself learns, by name: goes to the optimiser with the model's parameters. Default nothing.</summary>
    public virtual IReadOnlyList<(string Name, Parameter Parameter)> Parameters => [];

    /// <inheritdoc/>
    public virtual void Dispose() => GC.SuppressFinalize(this);

    /// <summary>Whether the term looks at hidden states.</summary>
    internal virtual bool NeedsStates => false;

    /// <summary>Whether the term looks at the tasks' logits.</summary>
    internal virtual bool NeedsLogits => true;

    /// <summary>The micro-batch's shares of the term's losses, scalars; none where the term's rows are not in it.</summary>
    internal abstract IEnumerable<TermLoss> Losses(StepPass pass);
}

/// <summary>A part of a term's loss.</summary>
internal readonly record struct TermLoss(string Name, double Weight, Tensor Loss);
