using TorchSharp;

namespace DistillGrpc.Modeling.T5;

/// <summary>
/// Numbers for operators. A C# number given to one, and the factor 1 behind every <c>a + b</c> of tensors, becomes a Scalar
/// that nothing holds once its handle is read: a collection in that moment frees it under the library's hands ("Unknown scalar
/// type", seen twice on a busy machine; <c>linalg.vector_norm</c> and <c>square</c> make such scalars inside). So hot paths hold
/// their scalars, and add with <see cref="One"/>.
/// </summary>
internal static class Scalars
{
    public static readonly Scalar Zero = 0;

    public static readonly Scalar One = 1;

    public static readonly Scalar MinusOne = -1;

    public static readonly Scalar Far = 1e9;

    public static readonly Scalar MinusFar = -1e9;

    public static readonly Scalar Ignored = -100;
}
