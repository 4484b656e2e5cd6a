using System.Text;
using DistillGrpc.Modeling.Checkpoints;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Modeling.Tests.Fuzzing;

/// <summary>Files of models that somebody has damaged, thousands of them: each is read, or refused as its reader says.</summary>
public sealed class ModelFileFuzzTests : IDisposable
{
    private const int Rounds = 2000;
    private const string Header = """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},"c":{"dtype":"I64","shape":[0,4],"data_offsets":[26,26]}}""";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Safetensors_DamagedHeader_IsReadOrRefused()
    {
        var mutator = new Mutator(1);
        var path = Path.Combine(_folder.Path, "model.safetensors");
        RefusesOnly(Rounds, () => SafetensorsHeader.Parse(mutator.DamageJson(Header), "model.safetensors"));
        var header = Encoding.UTF8.GetBytes(Header);
        byte[] whole = [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. new byte[26]];
        RefusesOnly(Rounds / 4, () =>
        {
            File.WriteAllBytes(path, mutator.Damage(whole));
            using var reader = SafetensorsReader.Open(path);
            foreach (var name in reader.Entries.Keys)
            {
                reader.Read(name).Dispose();
            }
        });
    }

    [Fact]
    public void Config_Damaged_IsReadOrRefused()
    {
        var mutator = new Mutator(2);
        var whole = T5ConfigFile.Write(new T5Config { VocabularySize = 384, ModelSize = 16, HeadSize = 4, FeedForwardSize = 32, EncoderLayers = 2, DecoderLayers = 2, Heads = 4 });
        var path = Path.Combine(_folder.Path, "config.json");
        RefusesOnly(Rounds, () =>
        {
            File.WriteAllBytes(path, mutator.DamageJson(whole));
            Assert.InRange(T5ConfigFile.Read(path).Heads, 1, 4096);
        });
    }

    [Fact]
    public void SentencePiece_Damaged_IsReadAndWritesTextOrIsRefused()
    {
        var mutator = new Mutator(3);
        var whole = SentencePieceModel.Write(Vocabulary());
        RefusesOnly(Rounds, () => Use(new UnigramTokenizer(SentencePieceModel.Read(mutator.Damage(whole)), [], new TokenizerFiles()), mutator));
    }

    [Fact]
    public void CharacterMap_Damaged_EndsForEveryText()
    {
        var mutator = new Mutator(4);
        var (whole, text) = (CharacterMap.Whitespace.ToBlob(), Encoding.UTF8.GetBytes("a\u3000b \t\u00a0c"));
        RefusesOnly(Rounds / 3, () =>
        {
            var map = CharacterMap.Parse(mutator.Damage(whole));
            for (var at = 0; at < text.Length; at++)
            {
                Assert.InRange(map.Match(text.AsSpan(at), out var replacement), 0, text.Length - at);
                Assert.InRange(replacement.Length, 0, 128);
            }
        });
    }

    [Theory]
    [InlineData("tokenizer.json", 5)]
    [InlineData("tokenizer_config.json", 6)]
    [InlineData("added_tokens.json", 7)]
    public void TokenizerFile_Damaged_IsReadAndWritesTextOrIsRefusedByItsName(string file, int seed)
    {
        var mutator = new Mutator(seed);
        var vocabulary = Vocabulary();
        Assert.Equal(12, vocabulary.Pieces.Count);
        SpecialToken[] specials = [new(0, "<pad>"), new(1, "</s>"), new(2, "<unk>"), new(vocabulary.Pieces.Count, "<extra_id_0>")];
        var isJson = file == "tokenizer.json";
        var whole = file switch
        {
            "tokenizer.json" => Encoding.UTF8.GetString(TokenizerJsonFile.Write(vocabulary, specials)),
            "added_tokens.json" => """{"<extra_id_0>":12,"<more>":13}""",
            _ => """{"tokenizer_class":"T5Tokenizer","extra_ids":1,"added_tokens_decoder":{"0":{"content":"<pad>","special":true},"12":{"content":"<extra_id_0>","special":true}}}""",
        };
        if (!isJson)
        {
            File.WriteAllBytes(Path.Combine(_folder.Path, "spiece.model"), SentencePieceModel.Write(vocabulary));
        }

        RefusesOnly(Rounds, () =>
        {
            File.WriteAllBytes(Path.Combine(_folder.Path, file), mutator.DamageJson(whole));
            Use(TokenizerLoader.Load(_folder.Path), mutator);
        });
    }

    // What can be read can be used, with any text and any ids, and never gives more ids than the text has bytes, and a space and a mark.
    private static void Use(ITokenizer tokenizer, Mutator mutator)
    {
        var text = mutator.Damage("a word b");
        var ids = tokenizer.Encode(text, parseSpecialTokens: mutator.Next(2) == 0);
        Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
        Assert.NotNull(tokenizer.Decode(ids));
        Assert.NotNull(tokenizer.Decode([-1, int.MaxValue, int.MinValue, tokenizer.VocabularySize, .. ids], skipSpecialTokens: false));
        Assert.NotNull(tokenizer.Token(tokenizer.VocabularySize));
    }

    private static UnigramVocabulary Vocabulary()
    {
        Piece[] pieces =
        [
            new("<pad>", 0, PieceKind.Control), new("</s>", 0, PieceKind.Control), new("<unk>", 0, PieceKind.Unknown),
            .. "abdorw\u2581".Select((letter, i) => new Piece($"{letter}", -i - 1, PieceKind.Normal)), new("\u2581word", -1.5f, PieceKind.Normal), new("kept", -2, PieceKind.UserDefined),
        ];
        return new UnigramVocabulary(pieces, new NormalizerRules(CharacterMap.Whitespace), byteFallback: false);
    }

    private static void RefusesOnly(int rounds, Action read)
    {
        var refused = 0;
        for (var round = 0; round < rounds; round++)
        {
            var failure = Record.Exception(read);
            Assert.True(failure is null or InvalidDataException, $"round {round}: {failure}");
            refused += failure is null ? 0 : 1;
        }

        // Damage that nobody sees, or that leaves nothing to read, tries nothing.
        Assert.InRange(refused, rounds / 20, rounds - 1);
    }
}
