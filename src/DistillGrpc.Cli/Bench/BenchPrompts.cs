namespace DistillGrpc.Cli.Bench;

/// <summary>Distinct prompts of ordinary words, as long as is wanted in the tokens of the model that reads them.</summary>
/// <param name="words">Words of each.</param>
/// <param name="seed">Other words for each seed.</param>
/// <param name="model">The version that reads them.</param>
internal sealed class BenchPrompts(int words, int seed, string model = "")
{
    private const int Factor = 1_000_003;

    /// <summary>What prompts consist of: a hundred words, each a token or little more in the vocabularies of published models.</summary>
    public static IReadOnlyList<string> Words { get; } =
    [
        .. ("the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so up said what its about "
        + "than into them can only other time new some could these two may first then do any like my now over such our man even most made after also did many off before must well back through years much where your way long little good").Split(' '),
    ];

    /// <summary>The version that reads them.</summary>
    public string Model => model;

    /// <summary>The prompt of a number; those of different numbers differ, but for very short ones.</summary>
    /// <param name="number">The number.</param>
    /// <param name="share">Its length, as a share of the words of each.</param>
    public string Of(int number, double share = 1)
    {
        var random = new Random(unchecked((seed * Factor) + number));
        var rest = number;
        return string.Join(' ', Enumerable.Range(0, Math.Max(1, (int)Math.Round(words * share))).Select(_ =>
        {
            // The number's digits in a system of a hundred, then whatever comes.
            var word = rest > 0 ? rest % Words.Count : random.Next(Words.Count);
            rest /= Words.Count;
            return Words[word];
        }));
    }
}
