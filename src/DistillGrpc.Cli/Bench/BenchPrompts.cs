using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Bench;

/// <summary>Distinct prompts of ordinary words, as long as is wanted in the tokens of the model that reads them.</summary>
/// <param name="words">Words of each.</param>
/// <param name="seed">Other words for each seed.</param>
/// <param name="model">The version that reads them.</param>
internal sealed class BenchPrompts(int words, int seed, string model = "")
{
    private const int ShortProbe = 8;
    private const int MostProbed = 200;
    private const int MostTries = 5;
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
    public string Of(int number)
    {
        var random = new Random(unchecked((seed * Factor) + number));
        var rest = number;
        return string.Join(' ', Enumerable.Range(0, words).Select(_ =>
        {
            // The number's digits in a system of a hundred, then whatever comes.
            var word = rest > 0 ? rest % Words.Count : random.Next(Words.Count);
            rest /= Words.Count;
            return Words[word];
        }));
    }

    /// <summary>Prompts of about so many tokens, found by asking the model how many some words are.</summary>
    /// <exception cref="InvalidDataException">It reads no prompts of this length.</exception>
    public static async Task<BenchPrompts> FitAsync(InferenceClient student, string model, PredictionTask task, int tokens, int seed, CancellationToken cancellationToken)
    {
        var many = await UncutAsync(ShortProbe + Math.Clamp(tokens / 2, 1, MostProbed));
        var few = await UncutAsync(Math.Clamp(many.Words / 2, 1, ShortProbe));
        var perWord = many.Words > few.Words ? Math.Max((double)(many.Tokens - few.Tokens) / (many.Words - few.Words), 0.01) : 1;
        var (words, best) = (few.Words + Words(few.Tokens), ((int Words, long Tokens, string Model)?)null);
        if (words < 1)
        {
            throw new InvalidDataException($"--input-tokens: {tokens} are too few; what stands around the input takes {Math.Max(0, few.Tokens - (few.Words * perWord)):0} of them.");
        }

        // Words differ in their tokens, so that what is found may still be off, and is corrected by as much.
        for (var tries = 0; tries < MostTries; tries++)
        {
            var found = await CountAsync(words);
            if (found.IsCut && found.Tokens < tokens)
            {
                throw new InvalidDataException($"--input-tokens: the model does not read {tokens}: it cuts longer inputs to {found.Tokens}.");
            }

            var off = found.IsCut ? Math.Min(-1, Words(found.Tokens)) : Words(found.Tokens);
            if (!found.IsCut && (best is not { } before || Math.Abs(found.Tokens - tokens) < Math.Abs(before.Tokens - tokens)))
            {
                best = (words, found.Tokens, found.Model);
            }

            if (off == 0 || words + off < 1)
            {
                break;
            }

            words += off;
        }

        return best is { } fitting ? new BenchPrompts(fitting.Words, seed, fitting.Model) : throw new InvalidDataException($"--input-tokens: no prompt of {tokens} was found that the model does not cut.");

        // How many words are missing where there are so many tokens.
        int Words(long found) => (int)Math.Round((tokens - found) / perWord);

        async Task<(int Words, long Tokens)> UncutAsync(int count)
        {
            var found = await CountAsync(count);
            while (found.IsCut && count > 1)
            {
                count /= 2;
                found = await CountAsync(count);
            }

            return found.IsCut ? throw new InvalidDataException("--input-tokens: the model cuts even an input of one word.") : (count, found.Tokens);
        }

        async Task<(long Tokens, bool IsCut, string Model)> CountAsync(int count)
        {
            var request = new PredictRequest { Model = model, Task = task, MaxOutputTokens = 1, Segments = { new BenchPrompts(count, seed).Of(0) } };
            var response = await student.PredictAsync(request, cancellationToken);
            var answer = response.Label ?? response.Rationale;
            return (answer.Usage.InputTokens, answer.InputTruncated, response.Model);
        }
    }
}
