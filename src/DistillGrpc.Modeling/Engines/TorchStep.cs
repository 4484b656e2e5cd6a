using DistillGrpc.Modeling.T5;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines;

/// <summary>A sequence's part in a step, in the order of slots.</summary>
/// <param name="Sequence">The sequence.</param>
/// <param name="Token">The token that it reads.</param>
/// <param name="Candidates">Whose logits are asked for; null: all.</param>
/// <param name="Row">The row that the caller gave it.</param>
internal readonly record struct TorchStep(TorchSequence Sequence, int Token, int[]? Candidates, int Row)
{
    // What sequences, ascending by slot, read and write.
    public static T5StepPlan Plan(TorchCaches caches, T5Config config, Device device, TorchSequence[] sequences)
    {
        var (first, count) = (sequences[0].Slot, sequences.Length);
        var (keys, inputs) = (sequences.Max(sequence => sequence.Length) + 1, sequences.Max(sequence => sequence.Encoding.Length));
        var slots = sequences[^1].Slot - first == count - 1 ? null : tensor(Array.ConvertAll(sequences, sequence => (long)sequence.Slot), device: device);
        var plan = new T5StepPlan(first, count, slots, Places(caches.Length, config.Heads, device, sequences), keys, inputs, SelfBias(caches, keys, device, sequences), caches.CrossBias!);
        var cross = caches.CrossBias!.narrow(3, 0, inputs);
        return plan with { CrossBias = slots is null ? cross.narrow(0, first, count) : cross.index_select(0, slots) };
    }

    private static Tensor Places(int length, int heads, Device device, TorchSequence[] sequences)
    {
        var places = new long[sequences.Length * heads];
        for (var i = 0; i < places.Length; i++)
        {
            var sequence = sequences[i / heads];
            places[i] = ((((long)sequence.Slot * heads) + (i % heads)) * length) + sequence.Length;
        }

        return tensor(places, device: device);
    }

    // The table has the nearest distance at Length - 1.
    private static Tensor SelfBias(TorchCaches caches, int keys, Device device, TorchSequence[] sequences)
    {
        var table = caches.DistanceBias!;
        if (Array.TrueForAll(sequences, sequence => sequence.Length == keys - 1))
        {
            return table.narrow(1, caches.Length - keys, keys).unsqueeze(0).unsqueeze(2);
        }

        var places = new long[sequences.Length * keys];
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = caches.Length - 1 - sequences[i / keys].Length + (i % keys);
        }

        return table.index_select(1, tensor(places, device: device)).view(-1, sequences.Length, keys).transpose(0, 1).unsqueeze(2).contiguous();
    }
}
