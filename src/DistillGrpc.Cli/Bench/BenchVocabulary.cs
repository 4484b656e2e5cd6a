using System.Text.Json;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Cli.Bench;

/// <summary>
/// A vocabulary of T5's size, made up on the spot, in which each of the <see cref="BenchPrompts.Words"/> is one token. It is a Unigram model like T5's, so that
/// tokenizing takes its time.
/// </summary>
internal static class BenchVocabulary
{
    private const int Size = 32_100;
    private const char Space = '▁';
    private const string Consonants = "bcdfghjklmnpqrstvwxz";
    private const string Vowels = "aeiou";
    private static readonly string[] Specials = ["<pad>", "</s>", "<unk>"];
    private static readonly string Letters = $"{Space}[].,{new string([.. Enumerable.Range('a', 26).Select(letter => (char)letter)])}";

    /// <summary>The first id of a word; special tokens are before it.</summary>
    public static int FirstWord => Specials.Length;

    /// <summary>The id behind the last word's; letters follow.</summary>
    public static int EndOfWords => Size - Letters.Length;

    /// <summary>Writes it into a folder, as tokenizer.json.</summary>
    public static void Write(string folder)
    {
        // Letters are there for what is no word, and too unlikely to be taken for one that is.
        var vocabulary = Specials.Select(piece => Piece(piece, 0))
            .Concat(Words().Distinct(StringComparer.Ordinal).Take(EndOfWords - FirstWord).Select((word, i) => Piece(word, -4 - (i / 10_000f))))
            .Concat(Letters.Select(letter => Piece($"{letter}", -100)));
        var root = new Dictionary<string, object?>
        {
            ["added_tokens"] = Specials.Select((piece, id) => new Dictionary<string, object> { ["id"] = id, ["content"] = piece, ["special"] = true }),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new Dictionary<string, object> { ["type"] = "Metaspace", ["replacement"] = $"{Space}", ["prepend_scheme"] = "first" },
            ["model"] = new Dictionary<string, object> { ["type"] = "Unigram", ["unk_id"] = 2, ["vocab"] = vocabulary },
        };
        using var file = File.Create(Path.Combine(folder, "tokenizer.json"));
        JsonSerializer.Serialize(file, root);
    }

    private static object[] Piece(string text, float score) => [text, score];

    // The tasks' prefixes, the prompts' words, and as many others as there are syllables for.
    private static IEnumerable<string> Words()
    {
        var syllables = Consonants.SelectMany(_ => Vowels, (consonant, vowel) => $"{consonant}{vowel}").ToArray();
        var others = from first in syllables from second in syllables from third in syllables select first + second + third;
        return new[] { ModelCard.DefaultLabelPrefix.Trim(), ModelCard.DefaultRationalePrefix.Trim() }.Concat(BenchPrompts.Words).Concat(others).Select(word => $"{Space}{word}");
    }
}
