using DistillGrpc.Modeling.Engines.Cpu.Attention;
using DistillGrpc.Modeling.T5;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>All weights of a model, as the engine reads them.</summary>
internal sealed class CpuWeights : IDisposable
{
    private readonly Dictionary<string, Tensor> _source;
    private readonly Precision _precision;
    private readonly WeightMemory _memory = new();

    public CpuWeights(T5Model model, Precision precision)
    {
        Config = model.Config;
        (_source, _precision) = (model.named_parameters().ToDictionary(pair => pair.name, pair => (Tensor)pair.parameter), precision);
        try
        {
            using var scope = NewDisposeScope();
            using var inference = inference_mode();
            Embedding = Matrix("shared.weight");
            Head = Config.TiedHead ? Embedding : Matrix("lm_head.weight");
            Encoder = [.. Enumerable.Range(0, Config.EncoderLayers).Select(i => EncoderBlock($"encoder.block.{i}.layer"))];
            Decoder = [.. Enumerable.Range(0, Config.DecoderLayers).Select(i => DecoderBlock($"decoder.block.{i}.layer"))];
            (EncoderNorm, DecoderNorm) = (Norm("encoder.final_layer_norm.weight"), Norm("decoder.final_layer_norm.weight"));
            (EncoderBias, DecoderBias) = (Bias("encoder", false), Bias("decoder", true));
            Bytes = Embedding.Bytes + (Config.TiedHead ? 0 : Head.Bytes) + Encoder.Concat(Decoder).Sum(block => block.Bytes);
        }
        catch
        {
            _memory.Dispose();
            throw;
        }

        _source = [];
    }

    public T5Config Config { get; }

    public long Bytes { get; }

    public WeightMatrix Embedding { get; }

    public WeightMatrix Head { get; }

    public CpuBlock[] Encoder { get; }

    public CpuBlock[] Decoder { get; }

    public NativeArray<float> EncoderNorm { get; }

    public NativeArray<float> DecoderNorm { get; }

    public PositionBias EncoderBias { get; }

    public PositionBias DecoderBias { get; }

    public void Dispose()
    {
        Array.ForEach([.. Encoder, .. Decoder], block => block.Dispose());
        EncoderNorm.Dispose();
        DecoderNorm.Dispose();
        EncoderBias.Dispose();
        DecoderBias.Dispose();
        _memory.Dispose();
    }

    private CpuBlock EncoderBlock(string layers) => new(SelfAttention($"{layers}.0"), null, FeedForward($"{layers}.1"));

    private CpuBlock DecoderBlock(string layers) => new(SelfAttention($"{layers}.0"), CrossAttention($"{layers}.1"), FeedForward($"{layers}.2"));

    private CpuAttentionWeights SelfAttention(string layer) => new(
        Norm($"{layer}.layer_norm.weight"), ByHead($"{layer}.SelfAttention", "q", "k", "v"), null, Matrix($"{layer}.SelfAttention.o.weight"));

    private CpuAttentionWeights CrossAttention(string layer) => new(
        Norm($"{layer}.layer_norm.weight"), ByHead($"{layer}.EncDecAttention", "q"), ByHead($"{layer}.EncDecAttention", "k", "v"), Matrix($"{layer}.EncDecAttention.o.weight"));

    private CpuFeedForwardWeights FeedForward(string layer)
    {
        var dense = $"{layer}.DenseReluDense";
        var wide = Config.Gated ? cat([_source[$"{dense}.wi_0.weight"], _source[$"{dense}.wi_1.weight"]]) : _source[$"{dense}.wi.weight"];
        return new CpuFeedForwardWeights(Norm($"{layer}.layer_norm.weight"), WeightMatrix.Of(wide, _precision, _memory), Matrix($"{dense}.wo.weight"));
    }

    // (heads x width, model) each, to (heads x parts x width, model).
    private WeightMatrix ByHead(string attention, params string[] parts)
    {
        using var scope = NewDisposeScope();
        var split = parts.Select(part => _source[$"{attention}.{part}.weight"].view(Config.Heads, 1, Config.HeadSize, Config.ModelSize)).ToArray();
        return WeightMatrix.Of(cat(split, 1).view(-1, Config.ModelSize), _precision, _memory);
    }

    private WeightMatrix Matrix(string name) => WeightMatrix.Of(_source[name], _precision, _memory);

    private unsafe NativeArray<float> Norm(string name)
    {
        var values = Floats(name);
        var norm = new NativeArray<float>(RowMath.Padded(Config.ModelSize));
        values.CopyTo(new Span<float>(norm.Pointer, values.Length));
        return norm;
    }

    private PositionBias Bias(string stack, bool isDecoder) => new(Floats($"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"), Config, isDecoder);

    private float[] Floats(string name)
    {
        using var scope = NewDisposeScope();
        return _source[name].to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
    }
}
