using System.Text;
using System.Text.Json;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>ByT5's tokenizer: every byte of UTF-8 is an id, behind pad, end of sequence and unknown.</summary>
public sealed class ByteTokenizer : ITokenizer
{
    /// <summary>ByT5's number of sentinels.</summary>
    public const int DefaultSentinels = 125;

    private const int Offset = 3;
    private const int Bytes = 256;
    private readonly int _sentinels;
    private readonly SpecialToken[] _specials;
    private readonly SpecialTokenSplitter _splitter;

    /// <summary>Makes a tokenizer.</summary>
    /// <param name="sentinels">Number of <c>&lt;extra_id_N&gt;</c>; default 125.</param>
    public ByteTokenizer(int sentinels = DefaultSentinels)
    {
        _sentinels = sentinels;
        _specials =
        [
            new SpecialToken(PadId, "<pad>"), new SpecialToken(EosId, "</s>"), new SpecialToken(UnkId, "<unk>"),
            .. Enumerable.Range(0, sentinels).Select(i => new SpecialToken(Offset + Bytes + i, SpecialToken.Sentinel(i))),
        ];
        _splitter = new SpecialTokenSplitter(_specials);
    }

    /// <inheritdoc/>
    public int PadId => 0;

    /// <inheritdoc/>
    public int EosId => 1;

    /// <inheritdoc/>
    public int UnkId => 2;

    /// <inheritdoc/>
    public int VocabularySize => Offset + Bytes + _sentinels;

    /// <inheritdoc/>
    public int[] Encode(string text, bool parseSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length);
        var rest = text.AsSpan();
        while (parseSpecialTokens && _splitter.TryFind(rest, out var start, out var token))
        {
            AddBytes(rest[..start], ids);
            ids.Add(token.Id);
            rest = rest[(start + token.Text.Length)..];
        }

        AddBytes(rest, ids);
        return [.. ids];
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        var decoder = CreateDecoder(skipSpecialTokens);
        var text = new StringBuilder(ids.Length);
        foreach (var id in ids)
        {
            text.Append(decoder.Append(id));
        }

        return text.Append(decoder.Flush()).ToString();
    }

    /// <inheritdoc/>
    public string Token(int id) => id is >= Offset + 0x80 and < Offset + Bytes ? $"<0x{id - Offset:X2}>" : Decode([id], skipSpecialTokens: false);

    /// <inheritdoc/>
    public ITokenDecoder CreateDecoder(bool skipSpecialTokens = true) => new Utf8Decoder(this, skipSpecialTokens);

    /// <inheritdoc/>
    public void Save(string directory) => new TokenizerFiles
    {
        [TokenizerFiles.Config] = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["tokenizer_class"] = "ByT5Tokenizer",
            ["extra_ids"] = _sentinels,
            ["pad_token"] = "<pad>",
            ["eos_token"] = "</s>",
            ["unk_token"] = "<unk>",
        }),
    }.Write(directory);

    private static void AddBytes(ReadOnlySpan<char> text, List<int> ids)
    {
        foreach (var value in Encoding.UTF8.GetBytes(text.ToArray()))
        {
            ids.Add(value + Offset);
        }
    }

    // Bytes that are no UTF-8 are left out, as transformers' ByT5Tokenizer does.
    private sealed class Utf8Decoder(ByteTokenizer tokenizer, bool skipSpecialTokens) : ITokenDecoder
    {
        private readonly Decoder _utf8 = Encoding.GetEncoding("utf-8", EncoderFallback.ReplacementFallback, new DecoderReplacementFallback("")).GetDecoder();

        public string Append(int id)
        {
            if (id is >= Offset and < Offset + Bytes)
            {
                return Read([(byte)(id - Offset)], flush: false);
            }

            var special = id < 0 || id >= tokenizer.VocabularySize ? default : tokenizer._specials[id < Offset ? id : id - Bytes];
            return skipSpecialTokens || special.Text is null ? "" : Flush() + special.Text;
        }

        public string Flush() => Read([], flush: true);

        private string Read(ReadOnlySpan<byte> bytes, bool flush)
        {
            Span<char> characters = stackalloc char[8];
            return new string(characters[.._utf8.GetChars(bytes, characters, flush)]);
        }
    }
}
