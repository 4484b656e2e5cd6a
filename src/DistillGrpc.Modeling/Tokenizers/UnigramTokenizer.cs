using System.Buffers;
using System.Text;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>
/// SentencePiece's Unigram model with T5's special tokens. Ids equal SentencePiece's; with special tokens parsed they
/// equal Hugging Face's T5Tokenizer in its default, <c>legacy=True</c>, where the text between two special tokens is
/// encoded by itself and so begins with a space again.
/// </summary>
/// <remarks>
/// Decoding follows T5Tokenizer too: special tokens, the unknown token among them, are dropped or written by name;
/// white space at the ends is trimmed; and no clean-up of spaces before punctuation is done. Safe for use from any number
/// of threads.
/// </remarks>
public sealed class UnigramTokenizer : ITokenizer
{
    private readonly TokenizerFiles _files;
    private readonly SentencePieceNormalizer _normalizer;
    private readonly UnigramSegmenter _segmenter;
    private readonly SpecialTokenSplitter _splitter;
    private readonly UnigramSurfaces _surfaces;

    internal UnigramTokenizer(UnigramVocabulary vocabulary, IReadOnlyList<SpecialToken> added, TokenizerFiles files)
    {
        // Nothing is allocated on a file's word.
        if (added.Any(token => token.Text.Length == 0 || token.Id < 0 || token.Id >= vocabulary.Pieces.Count + added.Count))
        {
            throw new InvalidDataException("an added token has no text, or its id leaves a gap");
        }

        _files = files;
        PadId = vocabulary.PadId;
        EosId = vocabulary.EosId;
        UnkId = vocabulary.UnkId;
        Vocabulary = vocabulary;
        _segmenter = new UnigramSegmenter(vocabulary);
        var kept = vocabulary.Pieces.Where(p => p.Kind == PieceKind.UserDefined).Select(p => (Encoding.UTF8.GetBytes(p.Text), 0)).ToArray();
        _normalizer = new SentencePieceNormalizer(vocabulary.Rules, kept.Length == 0 ? null : DoubleArrayBuilder.Build(kept));
        SpecialToken[] specials = [.. new[] { PadId, EosId, UnkId }.Select(id => new SpecialToken(id, vocabulary.Pieces[id].Text)), .. added];
        specials = [.. specials.DistinctBy(t => t.Id)];
        _splitter = new SpecialTokenSplitter(specials);
        _surfaces = new UnigramSurfaces(vocabulary, specials);
    }

    /// <inheritdoc/>
    public int PadId { get; }

    /// <inheritdoc/>
    public int EosId { get; }

    /// <inheritdoc/>
    public int UnkId { get; }

    /// <inheritdoc/>
    public int VocabularySize => _surfaces.Count;

    /// <summary>The vocabulary, for what is built on top of it in this assembly.</summary>
    internal UnigramVocabulary Vocabulary { get; }

    /// <inheritdoc/>
    public int[] Encode(string text, bool parseSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3 + 4);
        var rest = text.AsSpan();
        while (parseSpecialTokens && _splitter.TryFind(rest, out var start, out var token))
        {
            EncodeText(rest[..start], ids);
            ids.Add(token.Id);
            rest = rest[(start + token.Text.Length)..];
        }

        EncodeText(rest, ids);
        return [.. ids];
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        var decoder = new UnigramTextDecoder(_surfaces, skipSpecialTokens);
        var text = new StringBuilder(ids.Length * 4);
        foreach (var id in ids)
        {
            decoder.Append(id, text);
        }

        decoder.Flush(text);
        return text.ToString();
    }

    /// <inheritdoc/>
    public string Token(int id) => _surfaces[id] is (SurfaceKind.Byte, var text) && text[0] >= 0x80 ? $"<0x{(int)text[0]:X2}>" : _surfaces[id].Text ?? "";

    /// <inheritdoc/>
    public ITokenDecoder CreateDecoder(bool skipSpecialTokens = true) => new UnigramTextDecoder(_surfaces, skipSpecialTokens);

    /// <inheritdoc/>
    public void Save(string directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        _files.Write(directory);
    }

    private void EncodeText(ReadOnlySpan<char> text, List<int> ids)
    {
        if (text.IsEmpty)
        {
            return;
        }

        var utf8 = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        var prepared = new ByteBuffer(text.Length + 16);
        try
        {
            var length = Encoding.UTF8.GetBytes(text, utf8);
            _normalizer.Normalize(utf8.AsSpan(0, length), ref prepared);
            _segmenter.Segment(prepared.Written, ids);
        }
        finally
        {
            prepared.Dispose();
            ArrayPool<byte>.Shared.Return(utf8);
        }
    }
}
