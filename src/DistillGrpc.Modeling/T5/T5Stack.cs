using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>The encoder or the decoder: blocks, then a last norm. The first block's position bias serves all.</summary>
internal sealed class T5Stack : nn.Module
{
    [ComponentName(Name = "block")]
    private readonly ModuleList<T5Block> _blocks;

    [ComponentName(Name = "final_layer_norm")]
    private readonly T5LayerNorm _norm;

    private readonly T5Config _config;
    private readonly bool _isDecoder;

    public T5Stack(T5Config config, int layers, bool isDecoder)
        : base(nameof(T5Stack))
    {
        _config = config;
        _isDecoder = isDecoder;
        _blocks = nn.ModuleList(Enumerable.Range(0, layers).Select(i => new T5Block(config, isDecoder, hasPositionBias: i == 0)).ToArray());
        _norm = new T5LayerNorm(config);
        RegisterComponents();
    }

    // hidden (B, T, D); maskBias (B, 1, 1, T) or null; encoded (B, S, D) and crossBias (B, 1, 1, S) in the decoder.
    public Tensor Forward(Tensor hidden, Tensor? maskBias, Tensor? encoded, Tensor? crossBias, T5Trace? trace = null)
    {
        var (length, like) = ((int)hidden.shape[1], hidden);
        var bias = T5Trace.Run(trace, () => Masked(PositionBias(length, like), maskBias));
        var embedded = hidden;
        hidden = T5Trace.Run(trace, () => Drop(embedded));
        trace?.Saw(hidden);
        for (var i = 0; i < _blocks.Count; i++)
        {
            var (block, input) = (_blocks[i], hidden);
            hidden = T5Trace.Run(trace, () => block.Forward(input, bias, encoded, crossBias));
            if (i < _blocks.Count - 1)
            {
                trace?.Saw(hidden);
            }
        }

        var last = hidden;
        return T5Trace.Run(trace, () => Drop(_norm.Forward(last)));
    }

    // Keys and values of inputs, of every block (B, H, S, d_kv).
    public T5AttentionCache[] Project(Tensor encoded) => [.. _blocks.Select(block => block.ProjectEncoded(encoded))];

    // Biases by distance, farthest first, then as many for what comes later and is not seen: (H, 2 * length).
    public Tensor DistanceBias(int length)
    {
        var buckets = Enumerable.Range(0, length).Select(i => Bucket(i - (length - 1))).ToArray();
        var bias = FirstAttention.PositionBias(tensor(buckets, device: _norm.Device)).t();
        return cat([bias, full_like(bias, Scalars.MinusFar)], 1);
    }

    // hidden (B, 1, D): a step of sequences of any lengths.
    public Tensor Step(Tensor hidden, T5AttentionCache[] self, T5AttentionCache[] cross, T5StepPlan plan)
    {
        for (var i = 0; i < _blocks.Count; i++)
        {
            hidden = _blocks[i].Step(hidden, self[i], cross[i], plan);
        }

        return _norm.Forward(hidden);
    }

    private static Tensor Masked(Tensor bias, Tensor? maskBias) => maskBias is null ? bias : bias.add(maskBias, Scalars.One);

    private T5Attention FirstAttention => _blocks[0].SelfAttention;

    private long Bucket(int relativePosition) =>
        RelativePositionBuckets.Of(relativePosition, !_isDecoder, _config.RelativeBuckets, _config.RelativeMaxDistance);

    // (1, H, T, T): key by query, with the future shut out in the decoder.
    private Tensor PositionBias(int length, Tensor like)
    {
        var buckets = new long[length * length];
        for (var i = 0; i < buckets.Length; i++)
        {
            buckets[i] = Bucket((i % length) - (i / length));
        }

        var bias = FirstAttention.PositionBias(tensor(buckets, length, length, device: like.device)).permute(2, 0, 1).unsqueeze(0);
        return _isDecoder ? bias.add(full([length, length], Scalars.MinusFar, like.dtype, like.device).triu(1), Scalars.One) : bias;
    }

    private Tensor Drop(Tensor hidden) => T5Dropout.Apply(hidden, _config, training);
}
