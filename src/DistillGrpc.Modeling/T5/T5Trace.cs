using TorchSharp.Modules;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>
/// What a training step wants of a forward pass besides its result: the hidden states on the way, and that blocks are
/// computed again in the backward pass instead of being kept, and that the embedding's gradient is taken by hand.
/// </summary>
internal sealed class T5Trace(bool keepsStates = false, Recomputation? recomputation = null, EmbeddingGradients? embeddings = null)
{
    private List<Tensor> _states = [];

    /// <summary>Makes a part of the network.</summary>
    public static Tensor Run(T5Trace? trace, Func<Tensor> part) =>
        trace?.Recomputation is { } recomputation ? recomputation.Run(part) : part();

    /// <summary>Looks ids up.</summary>
    public static Tensor Embed(T5Trace? trace, Embedding table, Tensor ids) =>
        trace?.Embeddings is { } embeddings ? embeddings.Look(table, ids) : Run(trace, () => table.forward(ids));

    public Recomputation? Recomputation => recomputation;

    public EmbeddingGradients? Embeddings => embeddings;

    /// <summary>Hidden states since the last call, (B, T, D) each: what goes into the first block, then what each block but the last gives. They belong to the scope of whoever called the model.</summary>
    public List<Tensor> TakeStates()
    {
        var taken = _states;
        _states = [];
        return taken;
    }

    /// <summary>A tensor that a part reads again in the backward pass; it has no gradient.</summary>
    public static Tensor Hold(T5Trace? trace, Tensor input) =>
        trace?.Recomputation is { } recomputation ? recomputation.Hold(input) : input;

    public void Saw(Tensor hidden)
    {
        if (keepsStates)
        {
            _states.Add(hidden);
        }
    }

    public void MoveStatesToOuterScope()
    {
        foreach (var state in _states)
        {
            state.MoveToOuterDisposeScope();
        }
    }
}
