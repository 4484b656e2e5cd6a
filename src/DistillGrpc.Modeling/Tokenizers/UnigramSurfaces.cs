using System.Globalization;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>How an id is written.</summary>
internal enum SurfaceKind
{
    /// <summary>Nothing: an unused piece or an id outside the vocabulary.</summary>
    Nothing,

    /// <summary>Ordinary text.</summary>
    Text,

    /// <summary>One byte of UTF-8.</summary>
    Byte,

    /// <summary>A special token.</summary>
    Special,

    /// <summary>A sentinel: a special token that stands between spaces.</summary>
    Sentinel,
}

/// <summary>How every id of a Unigram vocabulary is written.</summary>
internal sealed class UnigramSurfaces
{
    private readonly (SurfaceKind Kind, string Text)[] _surfaces;

    /// <summary>Gathers pieces and added tokens.</summary>
    /// <exception cref="InvalidDataException">An added token's id leaves a gap or contradicts a piece.</exception>
    public UnigramSurfaces(UnigramVocabulary vocabulary, IReadOnlyList<SpecialToken> specials)
    {
        var pieces = vocabulary.Pieces;
        _surfaces = new (SurfaceKind, string)[Math.Max(pieces.Count, specials.Max(t => t.Id) + 1)];
        if (_surfaces.Length > pieces.Count + specials.Count)
        {
            throw new InvalidDataException("the added tokens' ids leave gaps");
        }

        for (var id = 0; id < pieces.Count; id++)
        {
            _surfaces[id] = Surface(pieces[id]);
        }

        foreach (var token in specials)
        {
            if (token.Id < pieces.Count && pieces[token.Id].Text != token.Text)
            {
                throw new InvalidDataException($"added token {token.Id} contradicts the vocabulary");
            }

            _surfaces[token.Id] = (!token.IsSpecial ? SurfaceKind.Text : token.IsSentinel ? SurfaceKind.Sentinel : SurfaceKind.Special, token.Text);
        }
    }

    /// <summary>Number of ids.</summary>
    public int Count => _surfaces.Length;

    /// <summary>How an id is written.</summary>
    public (SurfaceKind Kind, string Text) this[int id] => (uint)id < (uint)_surfaces.Length ? _surfaces[id] : (SurfaceKind.Nothing, "");

    private static (SurfaceKind Kind, string Text) Surface(Piece piece) => piece.Kind switch
    {
        PieceKind.Unknown or PieceKind.Control => (SurfaceKind.Special, piece.Text),
        PieceKind.Byte => (SurfaceKind.Byte, ByteOf(piece.Text)),
        _ => (SurfaceKind.Text, piece.Text.Replace(UnigramVocabulary.Space, ' ')),
    };

    /// <summary>The byte as the one character of a string.</summary>
    private static string ByteOf(string piece) =>
        piece.Length == 6 && byte.TryParse(piece.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            ? ((char)value).ToString()
            : throw new InvalidDataException("a byte piece has an impossible name");
}
