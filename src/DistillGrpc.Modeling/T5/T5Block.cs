using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>One block: self-attention, in the decoder cross-attention, feed-forward; each normed before and added after.</summary>
internal sealed class T5Block : nn.Module
{
    [ComponentName(Name = "layer")]
    private readonly ModuleList<T5Layer> _layers;

    public T5Block(T5Config config, bool isDecoder, bool hasPositionBias)
        : base(nameof(T5Block))
    {
        var self = new T5SelfAttentionLayer(config, hasPositionBias);
        var feedForward = new T5FeedForwardLayer(config);
        _layers = isDecoder
            ? nn.ModuleList<T5Layer>(self, new T5CrossAttentionLayer(config), feedForward)
            : nn.ModuleList<T5Layer>(self, feedForward);
        RegisterComponents();
    }

    public T5Attention SelfAttention => ((T5SelfAttentionLayer)_layers[0]).Attention;

    private T5Attention CrossAttention => ((T5CrossAttentionLayer)_layers[1]).Attention;

    public Tensor Forward(Tensor hidden, Tensor bias, Tensor? encoded, Tensor? crossBias)
    {
        hidden = _layers[0].Add(hidden, normed => SelfAttention.Forward(normed, normed, bias));
        if (encoded is not null)
        {
            hidden = _layers[1].Add(hidden, normed => CrossAttention.Forward(normed, encoded, crossBias!));
        }

        return FeedForward(hidden);
    }

    public T5AttentionCache ProjectEncoded(Tensor encoded) => CrossAttention.Project(encoded);

    public Tensor Step(Tensor hidden, T5AttentionCache self, T5AttentionCache cross, T5StepPlan plan)
    {
        hidden = _layers[0].Add(hidden, normed => SelfAttention.Step(normed, self, plan));
        hidden = _layers[1].Add(hidden, normed => CrossAttention.Attend(normed, plan.Read(cross.Key, plan.Inputs), plan.Read(cross.Value, plan.Inputs), plan.CrossBias));
        return FeedForward(hidden);
    }

    private Tensor FeedForward(Tensor hidden)
    {
        var layer = (T5FeedForwardLayer)_layers[^1];
        return layer.Add(hidden, layer.Dense.Forward);
    }
}
