namespace DistillGrpc.Modeling.T5;

/// <summary>Activations of T5's feed-forward layers.</summary>
public enum T5Activation
{
    /// <summary>Rectifier, T5 v1.0.</summary>
    Relu,

    /// <summary>GELU by its tanh approximation, <c>gelu_new</c>: T5 v1.1, Flan, mT5, ByT5.</summary>
    GeluNew,

    /// <summary>GELU by the error function.</summary>
    Gelu,

    /// <summary>x times its logistic function (UMT5's relatives).</summary>
    Silu,
}
