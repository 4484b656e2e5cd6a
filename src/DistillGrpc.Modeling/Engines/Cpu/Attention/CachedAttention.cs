namespace DistillGrpc.Modeling.Engines.Cpu.Attention;

/// <summary>One query over keys and values that are kept, with a head's size filled up to a multiple of 16.</summary>
internal abstract unsafe class CachedAttention
{
    /// <summary>As float32.</summary>
    public static CachedAttention Float32 { get; } = new CachedAttention<FloatNumber>();

    /// <summary>As bfloat16.</summary>
    public static CachedAttention Bfloat16 { get; } = new CachedAttention<BfloatNumber>();

    /// <summary>Bytes of a number.</summary>
    public abstract int Bytes { get; }

    /// <summary>context = softmax(query keys + bias) values.</summary>
    /// <param name="query">(head size).</param>
    /// <param name="keys">(length, width), as <see cref="PutKey"/> has put them.</param>
    /// <param name="values">(length, width).</param>
    /// <param name="size">The head's size.</param>
    /// <param name="width">The size, filled up to a multiple of 16.</param>
    /// <param name="length">Keys.</param>
    /// <param name="bias">(length); null: none.</param>
    /// <param name="scores">Memory for the length, rounded up to a multiple of 16.</param>
    /// <param name="context">(width), written.</param>
    /// <param name="keysAhead">Keys that are read next, as many: they are on their way meanwhile. Null: not known.</param>
    /// <param name="valuesAhead">Values that are read next.</param>
    public abstract void Attend(
        float* query, byte* keys, byte* values, int size, int width, int length, float* bias, float* scores, float* context, byte* keysAhead, byte* valuesAhead);

    /// <summary>Writes a key; sixteen keys lie together, the same number of each side by side, so that one vector holds it for all of them.</summary>
    /// <param name="from">(width).</param>
    /// <param name="width">A multiple of 16.</param>
    /// <param name="keys">All keys.</param>
    /// <param name="place">The key's place.</param>
    public abstract void PutKey(float* from, int width, byte* keys, int place);

    /// <summary>Writes a value.</summary>
    /// <param name="from">(width).</param>
    /// <param name="width">A multiple of 16.</param>
    /// <param name="values">All values.</param>
    /// <param name="place">The value's place.</param>
    public abstract void PutValue(float* from, int width, byte* values, int place);
}
