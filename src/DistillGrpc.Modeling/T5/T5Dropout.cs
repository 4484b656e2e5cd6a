using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

internal static class T5Dropout
{
    // Without dropout no operation is made at all: serving pays nothing for it.
    public static Tensor Apply(Tensor hidden, T5Config config, bool training) =>
        training && config.Dropout > 0 ? nn.functional.dropout(hidden, config.Dropout, training: true) : hidden;
}
