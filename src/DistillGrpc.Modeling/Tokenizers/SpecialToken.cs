namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>A token that stands beside the pieces.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">How it is written.</param>
/// <param name="IsSpecial">Whether decoding may skip it.</param>
internal readonly record struct SpecialToken(int Id, string Text, bool IsSpecial = true)
{
    /// <summary>T5's sentinel texts: 100 in T5, 125 in ByT5.</summary>
    public static string Sentinel(int number) => $"<extra_id_{number}>";

    /// <summary>Whether this is a sentinel, which Hugging Face sets off by spaces when it writes it.</summary>
    public bool IsSentinel => Text.StartsWith("<extra_id_", StringComparison.Ordinal);
}
