using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>How the decoder's keys and values are kept.</summary>
/// <param name="Layers">Layers.</param>
/// <param name="Heads">Heads.</param>
/// <param name="Width">A head's width, filled up to a multiple of 16.</param>
/// <param name="RowBytes">Bytes of a key, or a value.</param>
internal sealed record AttentionShape(int Layers, int Heads, int Width, int RowBytes)
{
    public static AttentionShape Of(T5Config config, int numberBytes)
    {
        var width = (config.HeadSize + 15) / 16 * 16;
        return new AttentionShape(config.DecoderLayers, config.Heads, width, width * numberBytes);
    }
}
