namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>What a piece is; the numbers are those of SentencePiece's <c>ModelProto.SentencePiece.Type</c>.</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>One entry of a Unigram vocabulary; its id is its index.</summary>
/// <param name="Text">The piece, with U+2581 for a space.</param>
/// <param name="Score">Its log probability.</param>
/// <param name="Kind">What it is.</param>
internal readonly record struct Piece(string Text, float Score, PieceKind Kind);

/// <summary>How a text is prepared before it is segmented; the names and defaults are those of SentencePiece's NormalizerSpec.</summary>
/// <param name="Map">Character map, or null to change nothing.</param>
/// <param name="AddDummyPrefix">Whether a space is put in front.</param>
/// <param name="RemoveExtraWhitespaces">Whether spaces at the ends and repeated spaces are dropped.</param>
internal sealed record NormalizerRules(CharacterMap? Map, bool AddDummyPrefix = true, bool RemoveExtraWhitespaces = true);

/// <summary>A Unigram vocabulary as read from any file format: checked and ready to build a tokenizer from.</summary>
internal sealed class UnigramVocabulary
{
    /// <summary>The mark SentencePiece writes for a space.</summary>
    public const char Space = '\u2581';

    /// <summary>mT5 has 250,112 pieces.</summary>
    private const int MaxPieces = 1 << 20;

    /// <summary>Longest piece in characters; SentencePiece trains pieces of at most 16 unless told otherwise.</summary>
    private const int MaxPieceLength = 512;

    /// <summary>Checks and indexes the pieces.</summary>
    /// <param name="pieces">The pieces by id.</param>
    /// <param name="rules">How text is prepared.</param>
    /// <param name="byteFallback">Whether unknown characters become byte pieces.</param>
    /// <exception cref="InvalidDataException">The vocabulary contradicts itself or exceeds a limit.</exception>
    public UnigramVocabulary(IReadOnlyList<Piece> pieces, NormalizerRules rules, bool byteFallback)
    {
        if (pieces.Count is 0 or > MaxPieces)
        {
            throw new InvalidDataException($"a vocabulary of {pieces.Count} pieces is not supported");
        }

        Pieces = pieces;
        Rules = rules;
        Ids = new Dictionary<string, int>(pieces.Count, StringComparer.Ordinal);
        for (var id = 0; id < pieces.Count; id++)
        {
            Add(id, pieces[id]);
        }

        UnkId = Only(PieceKind.Unknown);
        PadId = Special("<pad>");
        EosId = Special("</s>");
        ByteIds = byteFallback ? FindBytePieces() : null;
    }

    /// <summary>The pieces by id.</summary>
    public IReadOnlyList<Piece> Pieces { get; }

    /// <summary>Ids by piece.</summary>
    public Dictionary<string, int> Ids { get; }

    /// <summary>How text is prepared.</summary>
    public NormalizerRules Rules { get; }

    /// <summary>Ids of the 256 byte pieces, or null without byte fallback.</summary>
    public int[]? ByteIds { get; }

    public int UnkId { get; }

    public int PadId { get; }

    public int EosId { get; }

    private void Add(int id, Piece piece)
    {
        if (piece.Text.Length is 0 or > MaxPieceLength || piece.Text.Contains('\0'))
        {
            throw new InvalidDataException($"piece {id} is empty, too long or holds a zero character");
        }

        if (!float.IsFinite(piece.Score) || !Enum.IsDefined(piece.Kind))
        {
            throw new InvalidDataException($"piece {id} has an impossible score or type");
        }

        if (!Ids.TryAdd(piece.Text, id))
        {
            throw new InvalidDataException($"piece {id} is there twice");
        }
    }

    private int Only(PieceKind kind)
    {
        var found = Enumerable.Range(0, Pieces.Count).Where(id => Pieces[id].Kind == kind).Take(2).ToArray();
        return found.Length == 1
            ? found[0]
            : throw new InvalidDataException("the vocabulary must have exactly one unknown piece");
    }

    private int Special(string text) => Ids.TryGetValue(text, out var id) && Pieces[id].Kind == PieceKind.Control
        ? id
        : throw new InvalidDataException($"the vocabulary has no special piece {text}");

    private int[] FindBytePieces()
    {
        var ids = new int[256];
        for (var b = 0; b < ids.Length; b++)
        {
            if (!Ids.TryGetValue($"<0x{b:X2}>", out ids[b]) || Pieces[ids[b]].Kind != PieceKind.Byte)
            {
                throw new InvalidDataException("byte fallback needs 256 byte pieces");
            }
        }

        return ids;
    }
}
