using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>Dropout, from a generator of the training thread's own: libtorch's is shared by all that trains at once.</summary>
public static class T5Dropout
{
    [ThreadStatic]
    private static Generator? _generator;

    /// <summary>Where this thread draws from; null for libtorch's own generator. Stays the caller's.</summary>
    public static Generator? Generator
    {
        get => _generator;
        set => _generator = value;
    }

    // Without dropout no operation is made at all: serving pays nothing for it.
    internal static Tensor Apply(Tensor hidden, T5Config config, bool training) =>
        !training || config.Dropout <= 0 ? hidden
        : _generator is null ? nn.functional.dropout(hidden, config.Dropout, training: true)
        : hidden * Kept(hidden, 1 - config.Dropout);

    // 1 / share where a value is kept, 0 where it is dropped.
    private static Tensor Kept(Tensor like, double share)
    {
        using Scalar factor = 1 / share;
        using var noGradient = no_grad();
        return empty_like(like).bernoulli_(share, _generator).mul_(factor);
    }
}
