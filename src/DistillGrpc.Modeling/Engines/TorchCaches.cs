using DistillGrpc.Modeling.T5;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines;

/// <summary>
/// Keys and values of all sequences: each has a slot, and the slots in use are the first ones. Slots, places and inputs grow by doubling as they
/// are needed; all memory goes with the last sequence.
/// </summary>
internal sealed class TorchCaches(T5Model model) : IDisposable
{
    private const int LeastLength = 32;

    private readonly List<TorchSequence> _sequences = [];
    private int _slots;
    private int _inputs;
    private bool _isDisposed;

    // Of every block (slots, H, Length, d_kv).
    public T5AttentionCache[] Self { get; private set; } = [];

    // Of every block (slots, H, inputs, d_kv).
    public T5AttentionCache[] Cross { get; private set; } = [];

    // (slots, 1, 1, inputs): 0 for a token of the input, else a number so low that it gets no weight.
    public Tensor? CrossBias { get; private set; }

    // (H, 2 * Length), from T5Model.DistanceBias.
    public Tensor? DistanceBias { get; private set; }

    public int Length { get; private set; }

    public void Add(TorchSequence sequence, TorchEncoding encoding)
    {
        using var scope = NewDisposeScope();
        TakeSlot(sequence, encoding.Length);
        foreach (var cache in Tensors(Self).Concat(Tensors(Cross)))
        {
            // What is behind a sequence's end has no weight; yet a number that is not finite would spoil it.
            cache.narrow(0, sequence.Slot, 1).zero_();
        }

        foreach (var (cache, input) in Tensors(Cross).Zip(Tensors(encoding.Cross)))
        {
            cache.narrow(0, sequence.Slot, 1).narrow(2, 0, encoding.Length).copy_(input);
        }

        var bias = CrossBias!.narrow(0, sequence.Slot, 1);
        bias.fill_(Scalars.MinusFar);
        bias.narrow(3, 0, encoding.Length).zero_();
    }

    public void Fork(TorchSequence from, TorchSequence to)
    {
        using var scope = NewDisposeScope();
        TakeSlot(to, from.Encoding.Length);
        Copy(from.Slot, to.Slot);
        to.Length = from.Length;
    }

    public void Remove(TorchSequence sequence)
    {
        if (_isDisposed || sequence.Slot < 0)
        {
            return;
        }

        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var last = _sequences[^1];
        if (last != sequence)
        {
            Copy(last.Slot, sequence.Slot);
            (_sequences[sequence.Slot], last.Slot) = (last, sequence.Slot);
        }

        _sequences.RemoveAt(_sequences.Count - 1);
        sequence.Slot = -1;
        if (_sequences.Count == 0)
        {
            Free();
        }
    }

    // Room for so many tokens of every sequence.
    public void RequireLength(int length)
    {
        if (length > Length)
        {
            Grow(_slots, _inputs, Doubled(Length, length));
        }
    }

    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            Free();
        }
    }

    private static int Doubled(int size, int needed)
    {
        while (size < needed)
        {
            size *= 2;
        }

        return size;
    }

    private IEnumerable<Tensor> All => Tensors(Self).Concat(Tensors(Cross)).Concat(new[] { CrossBias, DistanceBias }.OfType<Tensor>());

    private static IEnumerable<Tensor> Tensors(T5AttentionCache[] caches) => caches.SelectMany(cache => new[] { cache.Key, cache.Value });

    private void TakeSlot(TorchSequence sequence, int inputs)
    {
        var (slots, width) = (Doubled(Math.Max(_slots, 1), _sequences.Count + 1), Doubled(Math.Max(_inputs, LeastLength), inputs));
        if (slots > _slots || width > _inputs)
        {
            Grow(Math.Max(slots, _slots), Math.Max(width, _inputs), Math.Max(Length, LeastLength));
        }

        sequence.Slot = _sequences.Count;
        _sequences.Add(sequence);
    }

    // Where there is no memory for one of the larger tensors, all is as it was.
    private void Grow(int slots, int inputs, int length)
    {
        using var scope = NewDisposeScope();
        Tensor[] before = [.. All];
        var (self, cross) = (Larger(Self, slots, length), Larger(Cross, slots, inputs));
        var crossBias = Larger(CrossBias, Scalars.MinusFar, slots, 1, 1, inputs);
        var distanceBias = length == Length ? DistanceBias! : model.DistanceBias(length).contiguous();
        (Self, Cross, CrossBias, DistanceBias, _slots, _inputs, Length) = (self, cross, crossBias, distanceBias, slots, inputs, length);
        foreach (var tensor in All.Except(before, ReferenceEqualityComparer.Instance).Cast<Tensor>())
        {
            tensor.DetachFromDisposeScope();
        }

        foreach (var tensor in before.Except(All, ReferenceEqualityComparer.Instance).Cast<Tensor>())
        {
            tensor.Dispose();
        }
    }

    private T5AttentionCache[] Larger(T5AttentionCache[] caches, int slots, int length)
    {
        var config = model.Config;
        Tensor Of(Tensor? old) => Larger(old, Scalars.Zero, slots, config.Heads, length, config.HeadSize);
        return [.. Enumerable.Range(0, config.DecoderLayers).Select(i => new T5AttentionCache(Of(caches.ElementAtOrDefault(i)?.Key), Of(caches.ElementAtOrDefault(i)?.Value)))];
    }

    // The old numbers at the beginning of every dimension.
    private Tensor Larger(Tensor? old, Scalar rest, params long[] shape)
    {
        if (old is not null && old.shape.SequenceEqual(shape))
        {
            return old;
        }

        var larger = full(shape, rest, model.Type, model.Device);
        if (old is not null)
        {
            var part = larger;
            for (var i = 0; i < shape.Length; i++)
            {
                part = part.narrow(i, 0, old.shape[i]);
            }

            part.copy_(old);
        }

        return larger;
    }

    private void Copy(int from, int to)
    {
        foreach (var tensor in Tensors(Self).Concat(Tensors(Cross)).Append(CrossBias!))
        {
            tensor.narrow(0, to, 1).copy_(tensor.narrow(0, from, 1));
        }
    }

    private void Free()
    {
        foreach (var tensor in All)
        {
            tensor.Dispose();
        }

        (Self, Cross, CrossBias, DistanceBias, _slots, _inputs, Length) = ([], [], null, null, 0, 0, 0);
    }
}
