using System.Globalization;
using System.Text;
using System.Text.Json;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>
/// Makes a Unigram vocabulary from a corpus (Kudo 2018, arXiv 1804.10959): seeded with frequent substrings of words,
/// fitted by expectation and maximisation, pruned to size by what each piece is worth. Digits and punctuation stand
/// alone, with the space before them, so that a small model sees numbers digit by digit. Nothing in it is random.
/// </summary>
public static class UnigramTrainer
{
    private const int SpecialPieces = 3;
    private const int SeedFactor = 4;
    private const double KeptByRound = 0.75;

    /// <summary>Makes a tokenizer.</summary>
    /// <param name="corpus">Texts; read once.</param>
    /// <param name="options">Sizes; null for the defaults.</param>
    /// <param name="cancellationToken">Looked at for every text and before every round.</param>
    /// <exception cref="ArgumentException">The corpus holds no text.</exception>
    public static UnigramTokenizer Train(IEnumerable<string> corpus, UnigramTrainerOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new UnigramTrainerOptions();
        var words = WordCounts.Of(corpus.TakeWhile(_ => !cancellationToken.IsCancellationRequested), options.MaxPieceLength);
        cancellationToken.ThrowIfCancellationRequested();
        if (words.Count == 0)
        {
            throw new ArgumentException("The corpus holds no text to make a vocabulary from.", nameof(corpus));
        }

        var characters = Characters(words, options.MaxCharacters);
        var target = Math.Max(options.VocabularySize - SpecialPieces, characters.Count);
        var lattice = new UnigramLattice(Seeds(words, characters, target * SeedFactor));
        lattice.Fit(words, rounds: 2);
        while (lattice.Count > target)
        {
            cancellationToken.ThrowIfCancellationRequested();
            lattice.Prune(characters, Math.Max(target, (int)(lattice.Count * KeptByRound)));
            lattice.Fit(words, rounds: 1);
        }

        return Build(lattice, options);
    }

    private static HashSet<string> Characters(IReadOnlyDictionary<string, int> words, int limit)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (word, count) in words)
        {
            foreach (var rune in word.EnumerateRunes())
            {
                var text = rune.ToString();
                counts[text] = counts.GetValueOrDefault(text) + count;
            }
        }

        return counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal)
            .Take(limit).Select(pair => pair.Key).ToHashSet(StringComparer.Ordinal);
    }

    // Substrings by how many characters of the corpus they cover; single characters always.
    private static Dictionary<string, double> Seeds(IReadOnlyDictionary<string, int> words, HashSet<string> characters, int limit)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (word, count) in words)
        {
            for (var start = 0; start < word.Length; start++)
            {
                for (var end = start + 1; end <= word.Length; end++)
                {
                    if (!SplitsSurrogates(word, start, end))
                    {
                        var piece = word[start..end];
                        counts[piece] = counts.GetValueOrDefault(piece) + count;
                    }
                }
            }
        }

        return counts.Where(pair => pair.Value >= 2 && !characters.Contains(pair.Key) && pair.Key.EnumerateRunes().All(rune => characters.Contains(rune.ToString())))
            .OrderByDescending(pair => pair.Value * pair.Key.Length).ThenBy(pair => pair.Key, StringComparer.Ordinal)
            .Take(limit)
            .Concat(characters.Order(StringComparer.Ordinal).Select(c => KeyValuePair.Create(c, counts[c])))
            .ToDictionary(pair => pair.Key, pair => (double)pair.Value, StringComparer.Ordinal);
    }

    private static bool SplitsSurrogates(string word, int start, int end) =>
        char.IsLowSurrogate(word[start]) || char.IsHighSurrogate(word[end - 1]);

    private static UnigramTokenizer Build(UnigramLattice lattice, UnigramTrainerOptions options)
    {
        Piece[] pieces =
        [
            new Piece("<pad>", 0, PieceKind.Control), new Piece("</s>", 0, PieceKind.Control), new Piece("<unk>", 0, PieceKind.Unknown),
            .. lattice.Pieces.OrderByDescending(piece => piece.Score).ThenBy(piece => piece.Text, StringComparer.Ordinal)
                .Select(piece => new Piece(piece.Text, (float)piece.Score, PieceKind.Normal)),
        ];
        var vocabulary = new UnigramVocabulary(pieces, new NormalizerRules(CharacterMap.Whitespace), byteFallback: false);
        SpecialToken[] sentinels = [.. Enumerable.Range(0, options.Sentinels)
            .Select(i => new SpecialToken(pieces.Length + options.Sentinels - 1 - i, SpecialToken.Sentinel(i)))];
        SpecialToken[] specials = [.. Enumerable.Range(0, SpecialPieces).Select(id => new SpecialToken(id, pieces[id].Text)), .. sentinels];
        var config = new Dictionary<string, object>
        {
            ["tokenizer_class"] = "T5Tokenizer",
            ["extra_ids"] = options.Sentinels,
            ["pad_token"] = "<pad>",
            ["eos_token"] = "</s>",
            ["unk_token"] = "<unk>",
            ["additional_special_tokens"] = sentinels.Select(token => token.Text).Reverse().ToArray(),
        };
        return new UnigramTokenizer(vocabulary, sentinels, new TokenizerFiles
        {
            [TokenizerFiles.SentencePiece] = SentencePieceModel.Write(vocabulary),
            [TokenizerFiles.TokenizerJson] = TokenizerJsonFile.Write(vocabulary, specials),
            [TokenizerFiles.Config] = JsonSerializer.SerializeToUtf8Bytes(config),
        });
    }
}
