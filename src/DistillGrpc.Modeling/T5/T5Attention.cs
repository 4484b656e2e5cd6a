using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>Multi-head attention without scaling and without biases on its projections; positions come in as a bias on the scores.</summary>
internal sealed class T5Attention : nn.Module
{
    [ComponentName(Name = "q")]
    private readonly Linear _query;

    [ComponentName(Name = "k")]
    private readonly Linear _key;

    [ComponentName(Name = "v")]
    private readonly Linear _value;

    [ComponentName(Name = "o")]
    private readonly Linear _out;

    [ComponentName(Name = "relative_attention_bias")]
    private readonly Embedding? _positions;

    private readonly T5Config _config;
    private readonly Scalar _unscale;

    public T5Attention(T5Config config, bool hasPositionBias)
        : base(nameof(T5Attention))
    {
        _config = config;
        _unscale = Math.Sqrt(config.HeadSize);
        var inner = config.Heads * config.HeadSize;
        _query = nn.Linear(config.ModelSize, inner, hasBias: false);
        _key = nn.Linear(config.ModelSize, inner, hasBias: false);
        _value = nn.Linear(config.ModelSize, inner, hasBias: false);
        _out = nn.Linear(inner, config.ModelSize, hasBias: false);
        _positions = hasPositionBias ? nn.Embedding(config.RelativeBuckets, config.Heads) : null;
        RegisterComponents();
    }

    // buckets (...) to biases (..., H).
    public Tensor PositionBias(Tensor buckets) => _positions!.forward(buckets);

    // hidden (B, T, D), source (B, S, D), bias broadcast to (B, H, T, S).
    public Tensor Forward(Tensor hidden, Tensor source, Tensor bias) =>
        Attend(hidden, Split(_key.forward(source)), Split(_value.forward(source)), bias);

    public T5AttentionCache Project(Tensor source) =>
        new(Split(_key.forward(source)).contiguous(), Split(_value.forward(source)).contiguous());

    // hidden (B, 1, D), sequences of any lengths: the key and the value of each take their place in the cache, and it sees all up to itself.
    public Tensor Step(Tensor hidden, T5AttentionCache cache, T5StepPlan plan)
    {
        cache.Key.view(-1, _config.HeadSize).index_copy_(0, plan.Places, _key.forward(hidden).view(-1, _config.HeadSize));
        cache.Value.view(-1, _config.HeadSize).index_copy_(0, plan.Places, _value.forward(hidden).view(-1, _config.HeadSize));
        return Attend(hidden, plan.Read(cache.Key, plan.Keys), plan.Read(cache.Value, plan.Keys), plan.SelfBias);
    }

    // hidden (B, T, D), key and value (B, H, S, d_kv).
    public Tensor Attend(Tensor hidden, Tensor key, Tensor value, Tensor bias)
    {
        var query = Split(_query.forward(hidden));
        var context = bias.requires_grad || (training && _config.Dropout > 0) ? Unfused(query, key, value, bias) : Fused(query, key, value, bias);
        return _out.forward(context.transpose(1, 2).reshape(hidden.shape[0], hidden.shape[1], -1));
    }

    // The library divides the scores by sqrt(d_kv), T5 does not.
    private Tensor Fused(Tensor query, Tensor key, Tensor value, Tensor bias) =>
        nn.functional.scaled_dot_product_attention(query * _unscale, key, value, attn_mask: bias);

    // No fused kernel gives a bias its gradient. What the library falls back to scales query and key once more and looks
    // for rows that see nothing.
    private Tensor Unfused(Tensor query, Tensor key, Tensor value, Tensor bias)
    {
        var weights = nn.functional.softmax(query.matmul(key.transpose(2, 3)).add_(bias, Scalars.One), -1);
        return T5Dropout.Apply(weights, _config, training).matmul(value);
    }

    // (B, T, H * d_kv) to (B, H, T, d_kv).
    private Tensor Split(Tensor x) => x.view(x.shape[0], x.shape[1], _config.Heads, _config.HeadSize).transpose(1, 2);
}
