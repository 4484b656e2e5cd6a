namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>What <see cref="UnigramTrainer"/> makes.</summary>
public sealed record UnigramTrainerOptions
{
    /// <summary>Most pieces, special ones included, sentinels not; default 6000. A small corpus ends with fewer.</summary>
    public int VocabularySize { get; init; } = 6000;

    /// <summary>Most characters of a piece; default 16.</summary>
    public int MaxPieceLength { get; init; } = 16;

    /// <summary>Most distinct characters; the rarest beyond it become the unknown piece. Default 2000.</summary>
    public int MaxCharacters { get; init; } = 2000;

    /// <summary>Number of <c>&lt;extra_id_N&gt;</c> behind the pieces; default 100, as in T5.</summary>
    public int Sentinels { get; init; } = 100;
}
