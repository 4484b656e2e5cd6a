using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

// Keys and values of one attention, each (B, H, length, d_kv).
internal sealed record T5AttentionCache(Tensor Key, Tensor Value);
