using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Modeling.Tests.Tokenizers;

public sealed class ByteTokenizerTests
{
    [Fact]
    public void Encode_Text_GivesItsBytesBehindThreeSpecialIds() =>
        Assert.Equal([100, 198, 172], new ByteTokenizer().Encode("aé"));

    [Fact]
    public void Decode_BytesOfOneCharacterOneByOne_GivesItWhenItIsWhole()
    {
        var tokenizer = new ByteTokenizer();
        var decoder = tokenizer.CreateDecoder(skipSpecialTokens: true);
        var ids = tokenizer.Encode("€");

        Assert.Equal(["", "", "€"], ids.Select(decoder.Append));
        Assert.Equal("", decoder.Flush());
    }

    [Fact]
    public void Decode_BytesThatAreNoText_LeavesThemOut() =>
        Assert.Equal("ab", new ByteTokenizer().Decode([100, 0xff + 3, 101]));

    [Fact]
    public void Save_ThenLoad_IsAByteTokenizerAgain()
    {
        using var folder = new TemporaryFolder();
        new ByteTokenizer(7).Save(folder.Path);

        Assert.Equal(3 + 256 + 7, Assert.IsType<ByteTokenizer>(TokenizerLoader.Load(folder.Path)).VocabularySize);
    }
}
