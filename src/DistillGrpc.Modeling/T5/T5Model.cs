using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>
/// T5 for conditional generation (Raffel et al. 2020), v1.0 and v1.1, from the embedding to the logits. Parameters have
/// the names of Hugging Face's checkpoints. Shapes: B batch, S input tokens, T target tokens, D hidden width, V vocabulary.
/// It belongs to no dispose scope: whoever made it disposes it. Not thread-safe while training.
/// </summary>
public sealed class T5Model : nn.Module
{
    [ComponentName(Name = "shared")]
    private readonly Embedding _shared;

    [ComponentName(Name = "encoder")]
    private readonly T5Stack _encoder;

    [ComponentName(Name = "decoder")]
    private readonly T5Stack _decoder;

    [ComponentName(Name = "lm_head")]
    private readonly Linear? _head;

    // libtorch has one generator, and every new model draws from it, also one that is about to be loaded.
    private static readonly Lock Drawing = new();

    private readonly Scalar _outputScale;
    private readonly Scalar _start;
    private readonly Scalar _pad;

    /// <summary>Makes a model with T5's initialisation, drawn from libtorch's generator (seed it by <c>torch.manual_seed</c>).</summary>
    public T5Model(T5Config config)
        : base(nameof(T5Model))
    {
        Config = config;
        (_outputScale, _start, _pad) = (Math.Pow(config.ModelSize, -0.5), config.DecoderStartId, config.PadId);
        lock (Drawing)
        {
            _shared = nn.Embedding(config.VocabularySize, config.ModelSize);
            _encoder = new T5Stack(config, config.EncoderLayers, isDecoder: false);
            _decoder = new T5Stack(config, config.DecoderLayers, isDecoder: true);
            _head = config.TiedHead ? null : nn.Linear(config.ModelSize, config.VocabularySize, hasBias: false);
            RegisterComponents();
            T5Initialization.Apply(this);
        }

        LeaveDisposeScope();
    }

    /// <summary>Makes a model whose initialisation depends on the seed alone, whatever other threads make or load meanwhile.</summary>
    public static T5Model Seeded(T5Config config, int seed)
    {
        lock (Drawing)
        {
            manual_seed(seed);
            return new T5Model(config);
        }
    }

    /// <summary>The shape.</summary>
    public T5Config Config { get; }

    /// <summary>A model of the same shape and numbers, for instance a student as it is now, to teach what it becomes. It is the caller's, ready to serve, that is without dropout.</summary>
    /// <param name="type">The copy's type; default this model's.</param>
    public T5Model Copy(ScalarType? type = null)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var copy = new T5Model(Config);
        copy.to(Device, type ?? _shared.weight!.dtype);
        foreach (var (mine, its) in parameters().Zip(copy.parameters()))
        {
            its.copy_(mine);
        }

        copy.eval();
        copy.LeaveDisposeScope();
        return copy;
    }

    /// <summary>Reads the inputs.</summary>
    /// <param name="inputIds">(B, S), int64.</param>
    /// <param name="attentionMask">(B, S): 1 for a token, 0 for padding; int64.</param>
    /// <returns>(B, S, D).</returns>
    public Tensor Encode(Tensor inputIds, Tensor attentionMask) => Encode(inputIds, attentionMask, null);

    /// <summary>The logits of whole targets at once, for training.</summary>
    /// <param name="encoded">(B, S, D), from <see cref="Encode(Tensor, Tensor)"/>.</param>
    /// <param name="attentionMask">(B, S), the inputs' mask.</param>
    /// <param name="decoderInputIds">(B, T), int64: the targets shifted right.</param>
    /// <returns>(B, T, V).</returns>
    public Tensor Decode(Tensor encoded, Tensor attentionMask, Tensor decoderInputIds)
    {
        using var scope = NewDisposeScope();
        return Head(DecodeHidden(encoded, attentionMask, decoderInputIds, null)).MoveToOuterDisposeScope();
    }

    internal Tensor Encode(Tensor inputIds, Tensor attentionMask, T5Trace? trace)
    {
        using var scope = NewDisposeScope();
        var mask = T5Trace.Hold(trace, MaskBias(attentionMask, _shared.weight!.dtype));
        var hidden = _encoder.Forward(T5Trace.Embed(trace, _shared, inputIds), mask, null, null, trace);
        trace?.MoveStatesToOuterScope();
        return hidden.MoveToOuterDisposeScope();
    }

    // What goes into the head, (B, T, D).
    internal Tensor DecodeHidden(Tensor encoded, Tensor attentionMask, Tensor decoderInputIds, T5Trace? trace)
    {
        using var scope = NewDisposeScope();
        var mask = T5Trace.Hold(trace, MaskBias(attentionMask, encoded.dtype));
        var hidden = _decoder.Forward(T5Trace.Embed(trace, _shared, decoderInputIds), null, encoded, mask, trace);
        trace?.MoveStatesToOuterScope();
        return hidden.MoveToOuterDisposeScope();
    }

    // Hidden states (..., D) to logits (..., V).
    internal Tensor Head(Tensor hidden) => nn.functional.linear(HeadInput(hidden), HeadWeight);

    // Hidden states (..., D) as the head multiplies them.
    internal Tensor HeadInput(Tensor hidden) => Config.ScaleDecoderOutputs ? hidden * _outputScale : hidden;

    // (V, D).
    internal Parameter HeadWeight => (_head?.weight ?? _shared.weight)!;

    /// <summary>Mean cross-entropy over the tokens that are not ignored.</summary>
    /// <param name="logits">(B, T, V).</param>
    /// <param name="labels">(B, T), int64; -100 is ignored.</param>
    /// <returns>A scalar, float32.</returns>
    public static Tensor Loss(Tensor logits, Tensor labels)
    {
        using var scope = NewDisposeScope();
        var rows = logits.view(-1, logits.shape[^1]).to(float32);
        return nn.functional.cross_entropy(rows, labels.reshape(-1), ignore_index: -100).MoveToOuterDisposeScope();
    }

    /// <summary>The decoder's inputs for labels: shifted right behind the start id, with ignored places as padding.</summary>
    /// <param name="labels">(B, T), int64; -100 is ignored.</param>
    /// <returns>(B, T), int64.</returns>
    public Tensor ShiftRight(Tensor labels)
    {
        using var scope = NewDisposeScope();
        var start = full([labels.shape[0], 1], _start, dtype: int64, device: labels.device);
        var shifted = cat([start, labels.narrow(1, 0, labels.shape[1] - 1)], 1);
        return shifted.masked_fill(shifted.eq(Scalars.Ignored), _pad).MoveToOuterDisposeScope();
    }

    // Keys and values of inputs (B, S, D) for every block of the decoder.
    internal T5AttentionCache[] Project(Tensor encoded) => _decoder.Project(encoded);

    // The decoder's biases by distance, (H, 2 * length).
    internal Tensor DistanceBias(int length) => _decoder.DistanceBias(length);

    // One step of sequences of any lengths: tokens (B, 1), int64, to what goes into the head, (B, D).
    internal Tensor Step(Tensor tokenIds, T5AttentionCache[] self, T5AttentionCache[] cross, T5StepPlan plan)
    {
        using var scope = NewDisposeScope();
        return _decoder.Step(_shared.forward(tokenIds), self, cross, plan).squeeze(1).MoveToOuterDisposeScope();
    }

    internal ScalarType Type => _shared.weight!.dtype;

    internal Device Device => _shared.weight!.device;

    // A model outlives the scope that happened to be open when it was made.
    internal void LeaveDisposeScope()
    {
        foreach (var parameter in parameters())
        {
            parameter.DetachFromDisposeScope();
        }
    }

    // (B, S) of ones and zeros to (B, 1, 1, S) of zeros and a number so low that softmax gives it no weight.
    private static Tensor MaskBias(Tensor mask, ScalarType type) =>
        mask.to(type).add(Scalars.MinusOne, Scalars.One).mul(Scalars.Far).unsqueeze(1).unsqueeze(1);
}
