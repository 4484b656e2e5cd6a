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

    /// <summary>Where this thread's generator stands, to go on from there another day.</summary>
    /// <exception cref="InvalidOperationException">There is no <see cref="Generator"/>.</exception>
    public static byte[] SaveState()
    {
        using var scope = NewDisposeScope();
        return Required.get_state().bytes.ToArray();
    }

    /// <summary>Puts this thread's generator where <see cref="SaveState"/> found it.</summary>
    /// <exception cref="InvalidOperationException">There is no <see cref="Generator"/>.</exception>
    public static void RestoreState(byte[] state)
    {
        using var scope = NewDisposeScope();
        Required.set_state(tensor(state));
    }

    private static Generator Required => _generator ?? throw new InvalidOperationException("This thread has no generator of its own.");

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
