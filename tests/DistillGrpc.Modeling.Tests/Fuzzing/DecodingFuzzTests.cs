using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Modeling.Tests.Fuzzing;

public sealed class DecodingFuzzTests
{
    [Fact]
    public void TokenTrie_AnySequences_HasThoseThatWereGivenOrIsRefused()
    {
        var mutator = new Mutator(11);
        for (var round = 0; round < 2000; round++)
        {
            int[][] sequences = [.. Enumerable.Range(0, mutator.Next(8)).Select(_ => Sequence(mutator))];
            if (Record.Exception(() => new TokenTrie(sequences)) is { } failure)
            {
                Assert.IsType<ArgumentException>(failure);
                continue;
            }

            var trie = new TokenTrie(sequences);
            Assert.Equal(sequences.Select(sequence => string.Join(' ', sequence)).Distinct().Order(), trie.Sequences.Select(sequence => string.Join(' ', sequence)).Order());
            var beginning = Sequence(mutator)[..^1];
            var follows = sequences.Where(sequence => sequence.Length > beginning.Length && sequence.AsSpan().StartsWith(beginning)).Select(sequence => sequence[beginning.Length]).Distinct().Order();
            Assert.Equal(follows, trie.Next(beginning));
        }
    }

    [Fact]
    public void ByteTokenizer_AnyTextAndIds_AreReadAndGivenBack()
    {
        var (mutator, tokenizer) = (new Mutator(12), new ByteTokenizer());
        for (var round = 0; round < 3000; round++)
        {
            var text = mutator.Damage("some text </s>");
            // A lone surrogate is no text, and is what stands for none.
            Assert.Equal(System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text)), tokenizer.Decode(tokenizer.Encode(text)));
            int[] ids = [.. mutator.Damage([.. tokenizer.Encode(text).Select(id => (byte)id)]).Select(value => value * 3 - 5)];
            var decoder = tokenizer.CreateDecoder();
            Assert.Equal(tokenizer.Decode(ids), string.Concat(ids.Select(decoder.Append)) + decoder.Flush());
        }
    }

    // Few different ids, so that beginnings are shared; mostly with the end where it belongs.
    private static int[] Sequence(Mutator mutator) => [.. Enumerable.Range(0, mutator.Next(6)).Select(_ => 2 + mutator.Next(3)), mutator.Next(12) == 0 ? 2 : 1];
}
