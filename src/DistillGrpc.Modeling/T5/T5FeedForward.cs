using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>wo(act(wi x)), or gated: wo(act(wi_0 x) * wi_1 x).</summary>
internal sealed class T5FeedForward : nn.Module
{
    [ComponentName(Name = "wi")]
    private readonly Linear? _in;

    [ComponentName(Name = "wi_0")]
    private readonly Linear? _gate;

    [ComponentName(Name = "wi_1")]
    private readonly Linear? _linear;

    [ComponentName(Name = "wo")]
    private readonly Linear _out;

    private readonly T5Config _config;

    public T5FeedForward(T5Config config)
        : base(nameof(T5FeedForward))
    {
        _config = config;
        Linear Widen() => nn.Linear(config.ModelSize, config.FeedForwardSize, hasBias: false);
        (_in, _gate, _linear) = config.Gated ? (null, Widen(), Widen()) : (Widen(), (Linear?)null, (Linear?)null);
        _out = nn.Linear(config.FeedForwardSize, config.ModelSize, hasBias: false);
        RegisterComponents();
    }

    public Tensor Forward(Tensor hidden)
    {
        var wide = _in is null ? Activate(_gate!.forward(hidden)) * _linear!.forward(hidden) : Activate(_in.forward(hidden));
        return _out.forward(T5Dropout.Apply(wide, _config, training));
    }

    private Tensor Activate(Tensor x) => _config.Activation switch
    {
        T5Activation.Relu => x.relu_(),
        T5Activation.GeluNew => nn.functional.gelu(x, GELU.Approximate.tanh, false),
        T5Activation.Gelu => nn.functional.gelu(x),
        _ => nn.functional.silu(x),
    };
}
