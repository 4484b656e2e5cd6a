using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>T5's norm: scales by the root mean square, in float32 whatever the weights' type; no mean, no bias.</summary>
internal sealed class T5LayerNorm : nn.Module
{
    [ComponentName(Name = "weight")]
    private readonly Parameter _weight;

    private readonly Scalar _size;
    private readonly Scalar _epsilon;

    public T5LayerNorm(T5Config config)
        : base(nameof(T5LayerNorm))
    {
        _weight = nn.Parameter(ones(config.ModelSize));
        _size = config.ModelSize;
        _epsilon = config.LayerNormEpsilon;
        RegisterComponents();
    }

    public Device Device => _weight.device;

    public Tensor Forward(Tensor hidden)
    {
        var wide = hidden.to(float32);
        // The norm's own kernel reads the hidden states once, forward and backward; squares and their mean are passes of their own.
        var norm = wide.norm(-1, keepdim: true);
        var scale = (norm * norm / _size).add(_epsilon, Scalars.One).rsqrt();
        return _weight * (wide * scale).to(_weight.dtype);
    }
}
