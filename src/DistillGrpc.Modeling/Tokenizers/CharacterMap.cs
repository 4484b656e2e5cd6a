using System.Buffers.Binary;
using System.Text;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>
/// SentencePiece's precompiled character map: a trie of byte sequences and, for each, the text that replaces it. The
/// blob is the trie's size in bytes (little-endian), the trie, and the zero-terminated replacements.
/// </summary>
internal sealed class CharacterMap
{
    /// <summary>Longest replacement taken from a file; nmt_nfkc's is 33 bytes. Without it a short text could grow without limit.</summary>
    private const int MaxReplacement = 128;

    private readonly DoubleArrayTrie _trie;
    private readonly byte[] _replacements;

    private CharacterMap(DoubleArrayTrie trie, byte[] replacements)
    {
        _trie = trie;
        _replacements = replacements;
    }

    /// <summary>A map that does nothing but turn every Unicode white space character into a space.</summary>
    public static CharacterMap Whitespace { get; } = new(BuildWhitespace(), " \0"u8.ToArray());

    /// <summary>Reads the blob.</summary>
    /// <exception cref="InvalidDataException">The blob is damaged.</exception>
    public static CharacterMap Parse(ReadOnlySpan<byte> blob)
    {
        if (blob.Length < 4)
        {
            throw new InvalidDataException("the character map is truncated");
        }

        var size = BinaryPrimitives.ReadUInt32LittleEndian(blob);
        if (size % 4 != 0 || size == 0 || size > blob.Length - 4)
        {
            throw new InvalidDataException("the character map's trie has an impossible size");
        }

        var units = new uint[size / 4];
        for (var u = 0; u < units.Length; u++)
        {
            units[u] = BinaryPrimitives.ReadUInt32LittleEndian(blob[(4 + u * 4)..]);
        }

        var replacements = blob[(4 + (int)size)..].ToArray();
        Validate(units, replacements);
        return new CharacterMap(new DoubleArrayTrie(units), replacements);
    }

    /// <summary>The blob that <see cref="Parse"/> reads.</summary>
    public byte[] ToBlob()
    {
        var units = _trie.Units;
        var blob = new byte[4 + units.Length * 4 + _replacements.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(blob, (uint)units.Length * 4);
        for (var u = 0; u < units.Length; u++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(blob.AsSpan(4 + u * 4), units[u]);
        }

        _replacements.CopyTo(blob, 4 + units.Length * 4);
        return blob;
    }

    /// <summary>The longest rule at the start of the text: how many bytes it consumes (0: no rule) and what it gives.</summary>
    public int Match(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> replacement)
    {
        var position = _trie.Root;
        var length = 0;
        var found = 0;
        for (var i = 0; i < text.Length && position != DoubleArrayTrie.None; i++)
        {
            position = _trie.Step(position, text[i], out var value);
            if (value >= 0)
            {
                length = i + 1;
                found = value;
            }
        }

        replacement = default;
        if (length > 0 && found < _replacements.Length)
        {
            var rest = _replacements.AsSpan(found);
            replacement = rest[..rest.IndexOf((byte)0)];
        }

        return length;
    }

    private static void Validate(uint[] units, byte[] replacements)
    {
        if (replacements.Length == 0 || replacements[^1] != 0)
        {
            throw new InvalidDataException("the character map's replacements do not end");
        }

        foreach (var unit in units)
        {
            if (DoubleArrayTrie.IsValue(unit) && DoubleArrayTrie.Value(unit) >= replacements.Length)
            {
                throw new InvalidDataException("the character map points outside its replacements");
            }
        }

        var start = 0;
        for (var i = 0; i < replacements.Length; i++)
        {
            if (replacements[i] == 0)
            {
                start = i + 1;
            }
            else if (i - start >= MaxReplacement)
            {
                throw new InvalidDataException("a replacement of the character map is too long");
            }
        }
    }

    private static DoubleArrayTrie BuildWhitespace()
    {
        var spaces = Enumerable.Range(1, char.MaxValue).Select(c => (char)c).Where(char.IsWhiteSpace);
        return DoubleArrayBuilder.Build(spaces.Select(c => (Encoding.UTF8.GetBytes(c.ToString()), 0)));
    }
}
