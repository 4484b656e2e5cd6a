namespace DistillGrpc.Modeling.Engines.Cpu.Attention;

/// <summary>One query over keys and values that are kept as (keys, width) each, with a head's width filled up to a multiple of 16.</summary>
internal abstract unsafe class CachedAttention
{
    /// <summary>As float32.</summary>
    public static CachedAttention Float32 { get; } = new CachedAttention<FloatNumber>();

    /// <summary>As bfloat16.</summary>
    public static CachedAttention Bfloat16 { get; } = new CachedAttention<BfloatNumber>();

    /// <summary>Bytes of a number.</summary>
    public abstract int Bytes { get; }

    /// <summary>context = softmax(query keys + bias) values.</summary>
    /// <param name="query">(width), zeros beyond the head's.</param>
    /// <param name="keys">(length, width).</param>
    /// <param name="values">(length, width).</param>
    /// <param name="width">A multiple of 16.</param>
    /// <param name="length">Keys.</param>
    /// <param name="bias">(length); null: none.</param>
    /// <param name="scores">Memory for the length, rounded up to a multiple of 16.</param>
    /// <param name="context">(width), written.</param>
    public abstract void Attend(float* query, byte* keys, byte* values, int width, int length, float* bias, float* scores, float* context);

    /// <summary>Writes a key or a value.</summary>
    /// <param name="from">(width).</param>
    /// <param name="width">A multiple of 16.</param>
    /// <param name="to">(width).</param>
    public abstract void Put(float* from, int width, byte* to);
}
