namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>A model's input: its ids and whether they are all there is.</summary>
public sealed class EncodedInput
{
    internal EncodedInput(int[] ids, int originalLength, bool truncated)
    {
        Ids = ids;
        OriginalLength = originalLength;
        Truncated = truncated;
    }

    /// <summary>The ids, ending with the end-of-sequence id.</summary>
    public int[] Ids { get; }

    /// <summary>
    /// Number of ids before truncation, end-of-sequence ids included. For text so long that only its beginning was
    /// tokenised this counts the ids of that beginning, so it is a lower bound.
    /// </summary>
    public int OriginalLength { get; }

    /// <summary>Whether anything was cut off.</summary>
    public bool Truncated { get; }
}
