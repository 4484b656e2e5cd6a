using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Modeling.Tests.Tokenizers;

public sealed class UnigramTrainerTests
{
    private static readonly string[] Names = ["Mia", "Tom", "Lena", "Omar"];
    private static readonly string[] Things = ["apples", "marbles", "stickers", "pencils"];
    private static readonly string[] Corpus =
    [
        .. Enumerable.Range(0, 300).Select(i =>
            $"{Names[i % 4]} picks {i * 7 % 90} {Things[i / 4 % 4]}. Then {Names[i / 3 % 4]} gives away {i % 31} of them: {i} - {i % 31} + ({i * 3})."),
    ];

    [Fact]
    public void Train_Corpus_WritesEveryTextBackAndFrequentWordsAsOnePiece()
    {
        var tokenizer = UnigramTrainer.Train(Corpus, new UnigramTrainerOptions { VocabularySize = 200 });

        Assert.All(Corpus, text => Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text))));
        Assert.Single(tokenizer.Encode("marbles"));
        Assert.DoesNotContain(tokenizer.UnkId, Corpus.SelectMany(text => tokenizer.Encode(text)));
        Assert.InRange(tokenizer.VocabularySize, 50, 300);
    }

    [Fact]
    public void Train_Numbers_AreReadDigitByDigit()
    {
        var tokenizer = UnigramTrainer.Train(Corpus);

        Assert.Equal(3, tokenizer.Encode("123").Length);
        Assert.Equal(["1", "2", "3", "-", "4", "5"], tokenizer.Encode("123 - 45").Select(id => tokenizer.Decode([id])));
    }

    [Fact]
    public void Train_SameCorpus_MakesTheSameFiles()
    {
        using var first = new TemporaryFolder();
        using var second = new TemporaryFolder();
        UnigramTrainer.Train(Corpus).Save(first.Path);
        UnigramTrainer.Train(Corpus).Save(second.Path);

        Assert.Equal(3, Directory.GetFiles(first.Path).Length);
        Assert.All(Directory.GetFiles(first.Path), file =>
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(second.Path, Path.GetFileName(file)))));
    }

    [Theory]
    [InlineData("spiece.model")]
    [InlineData("tokenizer.json")]
    public void Save_ThenLoadEitherFile_GivesTheSameIds(string kept)
    {
        using var folder = new TemporaryFolder();
        var trained = UnigramTrainer.Train(Corpus, new UnigramTrainerOptions { VocabularySize = 120, Sentinels = 5 });
        trained.Save(folder.Path);
        File.Delete(Path.Combine(folder.Path, kept == "spiece.model" ? "tokenizer.json" : "spiece.model"));

        var loaded = TokenizerLoader.Load(folder.Path);

        Assert.Equal(trained.VocabularySize, loaded.VocabularySize);
        string[] texts = [.. Corpus, "", "unseen wörds\t 3x", "a <extra_id_0> b </s>"];
        Assert.All(texts, text =>
        {
            Assert.Equal(trained.Encode(text), loaded.Encode(text));
            Assert.Equal(trained.Encode(text, parseSpecialTokens: true), loaded.Encode(text, parseSpecialTokens: true));
        });
    }

    [Fact]
    public void Train_CharactersBeyondTheLimit_BecomeUnknown()
    {
        var tokenizer = UnigramTrainer.Train(["aaaa bbb c"], new UnigramTrainerOptions { MaxCharacters = 3 });

        Assert.Contains(tokenizer.UnkId, tokenizer.Encode("c"));
        Assert.DoesNotContain(tokenizer.UnkId, tokenizer.Encode("ab"));
    }

    [Fact]
    public void Train_NoText_IsRefused() => Assert.Throws<ArgumentException>(() => UnigramTrainer.Train(["", " \t"]));
}
