using TorchSharp;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>A sublayer: x + dropout(f(norm(x))).</summary>
internal abstract class T5Layer : nn.Module
{
    private readonly T5LayerNorm _norm;
    private readonly T5Config _config;

    protected T5Layer(T5Config config)
        : base(nameof(T5Layer))
    {
        _config = config;
        _norm = new T5LayerNorm(config);
        // By hand: registering by attribute sees no private field of a base class.
        register_module("layer_norm", _norm);
    }

    public Tensor Add(Tensor hidden, Func<Tensor, Tensor> sublayer)
    {
        // What the backward pass does not read is let go here, not when the whole model has run.
        using var scope = NewDisposeScope();
        return hidden.add(T5Dropout.Apply(sublayer(_norm.Forward(hidden)), _config, training), Scalars.One).MoveToOuterDisposeScope();
    }
}

internal sealed class T5SelfAttentionLayer : T5Layer
{
    [ComponentName(Name = "SelfAttention")]
    public readonly T5Attention Attention;

    public T5SelfAttentionLayer(T5Config config, bool hasPositionBias)
        : base(config)
    {
        Attention = new T5Attention(config, hasPositionBias);
        RegisterComponents();
    }
}

internal sealed class T5CrossAttentionLayer : T5Layer
{
    [ComponentName(Name = "EncDecAttention")]
    public readonly T5Attention Attention;

    public T5CrossAttentionLayer(T5Config config)
        : base(config)
    {
        Attention = new T5Attention(config, hasPositionBias: false);
        RegisterComponents();
    }
}

internal sealed class T5FeedForwardLayer : T5Layer
{
    [ComponentName(Name = "DenseReluDense")]
    public readonly T5FeedForward Dense;

    public T5FeedForwardLayer(T5Config config)
        : base(config)
    {
        Dense = new T5FeedForward(config);
        RegisterComponents();
    }
}
