using TorchSharp.Modules;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>
/// Rows looked up in an embedding as leaves of the graph, whose gradients are added to the embedding's afterwards. The library's own
/// gradient of a look-up is as large as the whole embedding, mostly zeros, and made anew for encoder and decoder.
/// </summary>
internal sealed class EmbeddingGradients : IDisposable
{
    private readonly List<(Tensor Weight, Tensor Ids, Tensor Rows)> _lookups = [];

    /// <summary>(...) ids to (..., D).</summary>
    public Tensor Look(Embedding table, Tensor ids)
    {
        using var scope = NewDisposeScope();
        Tensor rows;
        using (no_grad())
        {
            rows = table.forward(ids);
        }

        var weight = table.weight!;
        if (!weight.requires_grad)
        {
            return rows.MoveToOuterDisposeScope();
        }

        // The module makes a new handle of its weight at every call.
        _lookups.Add((weight.DetachFromDisposeScope(), ids.reshape(-1).DetachFromDisposeScope(), rows.requires_grad_().DetachFromDisposeScope()));
        return rows;
    }

    /// <summary>Once the backward pass has reached the leaves.</summary>
    public void Backward()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var (weight, ids, rows) in _lookups)
        {
            if (rows.grad is { } gradient)
            {
                weight.grad ??= zeros_like(weight);
                weight.grad!.index_add_(0, ids, gradient.reshape(ids.shape[0], -1), Scalars.One);
            }
        }
    }

    public void Dispose()
    {
        foreach (var (weight, ids, rows) in _lookups)
        {
            weight.Dispose();
            ids.Dispose();
            rows.Dispose();
        }

        _lookups.Clear();
    }
}
