namespace DistillGrpc.Modeling.T5;

/// <summary>The shape of a T5, under Hugging Face's names.</summary>
public sealed record T5Config
{
    /// <summary>Rows of the embedding; T5 pads its 32,100 ids to 32,128.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the hidden states, <c>d_model</c>.</summary>
    public required int ModelSize { get; init; }

    /// <summary>Width of one attention head, <c>d_kv</c>.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Width inside the feed-forward layers, <c>d_ff</c>.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>Blocks of the encoder, <c>num_layers</c>.</summary>
    public required int EncoderLayers { get; init; }

    /// <summary>Blocks of the decoder, <c>num_decoder_layers</c>.</summary>
    public required int DecoderLayers { get; init; }

    /// <summary>Attention heads, <c>num_heads</c>.</summary>
    public required int Heads { get; init; }

    /// <summary>Relative position buckets; default 32.</summary>
    public int RelativeBuckets { get; init; } = 32;

    /// <summary>Distance from which on positions share the last bucket; default 128.</summary>
    public int RelativeMaxDistance { get; init; } = 128;

    /// <summary>Dropout while training, 0 to 1; default 0.1.</summary>
    public double Dropout { get; init; } = 0.1;

    /// <summary>Added to the mean square before its root; default 1e-6.</summary>
    public double LayerNormEpsilon { get; init; } = 1e-6;

    /// <summary>Factor on every initial deviation; default 1.</summary>
    public double InitializerFactor { get; init; } = 1;

    /// <summary>The activation of the feed-forward layers; default ReLU (T5 v1.0).</summary>
    public T5Activation Activation { get; init; } = T5Activation.Relu;

    /// <summary>The activation gates a second projection (T5 v1.1, Flan, mT5, ByT5).</summary>
    public bool Gated { get; init; }

    /// <summary>The output head is the embedding (T5 v1.0).</summary>
    public bool TiedHead { get; init; } = true;

    /// <summary>The decoder's output is scaled by <c>d_model^-0.5</c> before the head, as T5 v1.0 does.</summary>
    public bool ScaleDecoderOutputs { get; init; } = true;

    /// <summary>Id that fills the ends of a batch; default 0.</summary>
    public int PadId { get; init; }

    /// <summary>Id that ends a sequence; default 1.</summary>
    public int EosId { get; init; } = 1;

    /// <summary>Id that starts the decoder; default 0.</summary>
    public int DecoderStartId { get; init; }

    /// <summary>Hugging Face's <c>model_type</c>: <c>t5</c> or <c>mt5</c>.</summary>
    public string ModelType { get; init; } = "t5";
}
