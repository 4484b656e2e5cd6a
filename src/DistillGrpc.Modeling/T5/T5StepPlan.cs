using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>What a step of several sequences, of any lengths, reads from the caches and writes to them. L is the caches' length, B the step's sequences.</summary>
/// <param name="First">The first slot of the step, where they follow one another.</param>
/// <param name="Count">B.</param>
/// <param name="Slots">(B), int64: the slots, where they do not; else null.</param>
/// <param name="Places">(B * H), int64: where in a cache, seen as (slots * H * L, d_kv), the step's keys and values go.</param>
/// <param name="Keys">Most places that a sequence of the step has used, with this step's.</param>
/// <param name="Inputs">Most tokens of their inputs.</param>
/// <param name="SelfBias">(1 or B, H, 1, Keys): the position bias, and how far a sequence sees.</param>
/// <param name="CrossBias">(B, 1, 1, Inputs): which tokens there are.</param>
internal sealed record T5StepPlan(int First, int Count, Tensor? Slots, Tensor Places, int Keys, int Inputs, Tensor SelfBias, Tensor CrossBias)
{
    // cache (slots, H, L, d_kv) to the step's part, (B, H, length, d_kv).
    public Tensor Read(Tensor cache, int length)
    {
        var used = cache.narrow(2, 0, length);
        return Slots is null ? used.narrow(0, First, Count) : used.index_select(0, Slots);
    }
}
