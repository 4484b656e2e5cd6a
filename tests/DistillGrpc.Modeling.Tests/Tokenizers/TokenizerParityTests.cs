using System.Text.Json;
using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Modeling.Tests.Tokenizers;

/// <summary>Against ids and texts that SentencePiece and Hugging Face gave for the same strings.</summary>
public sealed class TokenizerParityTests
{
    private static readonly string Small = Path.Combine(AppContext.BaseDirectory, "Fixtures", "spm");

    [Fact]
    public void SmallVocabulary_EveryString_GivesTheReferencesIdsAndText() =>
        AssertParity(TokenizerLoader.Load(Small), Path.Combine(Small, "tokenizer_fixtures.json"));

    [SharedFact("fixtures/t5-spiece")]
    public void T5sVocabulary_EveryString_GivesTheReferencesIdsAndText()
    {
        using var copy = Copy("spiece.model", "tokenizer_config.json", "special_tokens_map.json");
        AssertParity(TokenizerLoader.Load(copy.Path), SharedData.Locate("fixtures/t5-spiece/tokenizer_fixtures.json"));
    }

    [SharedFact("fixtures/t5-spiece")]
    public void TokenizerJsonAlone_EveryString_GivesTheIdsOfTheRustTokenizerOrOfSentencePiece()
    {
        using var copy = Copy("tokenizer.json", "tokenizer_config.json");
        var tokenizer = TokenizerLoader.Load(copy.Path);
        var rust = Json(SharedData.Locate("fixtures/t5-spiece/tokenizer_json_fixtures.json")).GetProperty("strings").EnumerateArray().ToArray();
        var slow = Json(SharedData.Locate("fixtures/t5-spiece/tokenizer_fixtures.json")).GetProperty("strings").EnumerateArray()
            .ToDictionary(s => s.GetProperty("text").GetString()!, s => Ids(s.GetProperty("hf_legacy_ids")));
        Assert.True(rust.Length > 80);

        Assert.All(rust, expected =>
        {
            var text = expected.GetProperty("text").GetString()!;
            var ids = WithEnd(tokenizer, text);
            Assert.True(ids == Ids(expected.GetProperty("ids")) || ids == slow[text], $"{text}: {ids}");
        });
    }

    [Fact]
    public void Decode_TokenByToken_GivesTheSameTextAsAtOnce()
    {
        var tokenizer = TokenizerLoader.Load(Small);
        foreach (var ids in Json(Path.Combine(Small, "tokenizer_fixtures.json")).GetProperty("strings").EnumerateArray().Select(s => Array(s.GetProperty("hf_legacy_ids"))))
        {
            foreach (var skip in new[] { true, false })
            {
                var decoder = tokenizer.CreateDecoder(skip);
                var text = string.Concat(ids.Select(decoder.Append)) + decoder.Flush();
                Assert.Equal(tokenizer.Decode(ids, skip), text);
            }
        }
    }

    [Fact]
    public void Encode_SpecialTokensInUsersText_ArePlainCharacters()
    {
        var tokenizer = TokenizerLoader.Load(Small);

        Assert.DoesNotContain(tokenizer.EosId, tokenizer.Encode("a </s> b <extra_id_0>"));
        Assert.Contains(tokenizer.EosId, tokenizer.Encode("a </s> b", parseSpecialTokens: true));
    }

    [Fact]
    public void InputEncoder_PairOfSegments_JoinsThemByTheEndOfSequenceId()
    {
        var tokenizer = TokenizerLoader.Load(Small);
        var pairs = Json(Path.Combine(Small, "tokenizer_fixtures.json")).GetProperty("pairs");

        var encoded = InputEncoder.Encode(tokenizer, "", [pairs.GetProperty("a")[0].GetString()!, pairs.GetProperty("b")[0].GetString()!], 100);

        Assert.Equal(Array(pairs.GetProperty("input_ids")[0]), encoded.Ids);
        Assert.False(encoded.Truncated);
    }

    [Fact]
    public void InputEncoder_TooLongAnInput_IsCutSaysSoAndStillEnds()
    {
        var tokenizer = TokenizerLoader.Load(Small);

        var encoded = InputEncoder.Encode(tokenizer, "[label] ", [string.Join(' ', Enumerable.Repeat("word", 500))], 32);

        Assert.Equal(32, encoded.Ids.Length);
        Assert.Equal(tokenizer.EosId, encoded.Ids[^1]);
        Assert.True(encoded.Truncated);
        Assert.True(encoded.OriginalLength > 500);
    }

    [Theory]
    [InlineData("\ud800 lone")]
    [InlineData("")]
    [InlineData("\0\0")]
    public void Encode_AnyString_DoesNotThrow(string text) => Assert.NotNull(TokenizerLoader.Load(Small).Encode(text, parseSpecialTokens: true));

    [Fact]
    public void Load_DamagedModel_SaysWhichFileAndNothingElse()
    {
        var whole = File.ReadAllBytes(Path.Combine(Small, "spiece.model"));
        var random = new Random(1);
        using var folder = new TemporaryFolder();
        for (var round = 0; round < 60; round++)
        {
            var bytes = whole[..(round % 2 == 0 ? random.Next(whole.Length) : whole.Length)];
            for (var flip = 0; flip < 4 && bytes.Length > 0; flip++)
            {
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            }

            File.WriteAllBytes(Path.Combine(folder.Path, "spiece.model"), bytes);
            if (Record.Exception(() => TokenizerLoader.Load(folder.Path).Encode("some text")) is { } failure)
            {
                Assert.IsType<InvalidDataException>(failure);
                Assert.Contains("spiece.model", failure.Message, StringComparison.Ordinal);
                Assert.DoesNotContain(folder.Path, failure.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Load_NoTokenizer_SaysSo()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("no tokenizer", Assert.Throws<InvalidDataException>(() => TokenizerLoader.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    private static void AssertParity(ITokenizer tokenizer, string fixtures)
    {
        var root = Json(fixtures);
        Assert.Equal(root.GetProperty("len_hf").GetInt32(), tokenizer.VocabularySize);
        Assert.True(root.GetProperty("strings").GetArrayLength() > 80);
        Assert.All(root.GetProperty("strings").EnumerateArray(), expected =>
        {
            var text = expected.GetProperty("text").GetString()!;
            Assert.Equal(Ids(expected.GetProperty("spm_ids")), string.Join(' ', tokenizer.Encode(text)));
            Assert.Equal(Ids(expected.GetProperty("hf_legacy_ids")), WithEnd(tokenizer, text));
            var ids = Array(expected.GetProperty("hf_legacy_ids"));
            Assert.Equal(expected.GetProperty("hf_legacy_decode_skip").GetString(), tokenizer.Decode(ids));
        });
    }

    private static string WithEnd(ITokenizer tokenizer, string text) =>
        string.Join(' ', InputEncoder.Encode(tokenizer, "", [text], 100_000, parseSpecialTokens: true).Ids);

    private static JsonElement Json(string path) => JsonDocument.Parse(File.ReadAllText(path)).RootElement;

    private static int[] Array(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];

    private static string Ids(JsonElement ids) => string.Join(' ', Array(ids));

    private static TemporaryFolder Copy(params string[] files)
    {
        var folder = new TemporaryFolder();
        foreach (var file in files)
        {
            File.Copy(SharedData.Locate($"tokenizer/{file}"), Path.Combine(folder.Path, file));
        }

        return folder;
    }
}
