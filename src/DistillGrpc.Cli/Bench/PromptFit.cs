using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Bench;

/// <summary>Finds prompts of about so many tokens, by asking the model how many some words are.</summary>
/// <param name="student">Who is asked.</param>
/// <param name="model">The model.</param>
/// <param name="task">What it is asked for.</param>
/// <param name="tokens">Tokens that a prompt is to have.</param>
/// <param name="seed">Of the words.</param>
internal sealed class PromptFit(InferenceClient student, string model, PredictionTask task, int tokens, int seed)
{
    private const int ShortProbe = 8;
    private const int MostProbed = 200;
    private const int MostTries = 5;

    /// <summary>Finds them.</summary>
    /// <exception cref="InvalidDataException">The model reads no prompts of this length.</exception>
    public async Task<BenchPrompts> FindAsync(CancellationToken cancellationToken)
    {
        var many = await UncutAsync(ShortProbe + Math.Clamp(tokens / 2, 1, MostProbed), cancellationToken);
        var few = await UncutAsync(Math.Clamp(many.Words / 2, 1, ShortProbe), cancellationToken);
        var perWord = many.Words > few.Words ? Math.Max((double)(many.Tokens - few.Tokens) / (many.Words - few.Words), 0.01) : 1;
        var words = few.Words + Missing(few, perWord);
        if (words < 1)
        {
            throw new InvalidDataException($"--input-tokens: {tokens} are too few; what stands around the input takes {Math.Max(0, few.Tokens - (few.Words * perWord)):0} of them.");
        }

        return await NearestAsync(words, perWord, cancellationToken) is { } fitting
            ? new BenchPrompts(fitting.Words, seed, fitting.Model)
            : throw new InvalidDataException($"--input-tokens: no prompt of {tokens} was found that the model does not cut.");
    }

    // Words differ in their tokens, so that what is found may still be off, and is corrected by as much.
    private async Task<Count?> NearestAsync(int words, double perWord, CancellationToken cancellationToken)
    {
        Count? best = null;
        for (var (tries, off) = (0, 1); tries < MostTries && off != 0 && words >= 1; tries++)
        {
            var found = await CountAsync(words, cancellationToken);
            if (found.IsCut && found.Tokens < tokens)
            {
                throw new InvalidDataException($"--input-tokens: the model does not read {tokens}: it cuts longer inputs to {found.Tokens}.");
            }

            if (!found.IsCut && (best is null || Math.Abs(found.Tokens - tokens) < Math.Abs(best.Tokens - tokens)))
            {
                best = found;
            }

            off = found.IsCut ? Math.Min(-1, Missing(found, perWord)) : Missing(found, perWord);
            words += off;
        }

        return best;
    }

    private int Missing(Count found, double perWord) => (int)Math.Round((tokens - found.Tokens) / perWord);

    private async Task<Count> UncutAsync(int words, CancellationToken cancellationToken)
    {
        var found = await CountAsync(words, cancellationToken);
        while (found.IsCut && words > 1)
        {
            words /= 2;
            found = await CountAsync(words, cancellationToken);
        }

        return found.IsCut ? throw new InvalidDataException("--input-tokens: the model cuts even an input of one word.") : found;
    }

    private async Task<Count> CountAsync(int words, CancellationToken cancellationToken)
    {
        var request = new PredictRequest { Model = model, Task = task, MaxOutputTokens = 1, Segments = { new BenchPrompts(words, seed).Of(0) } };
        var response = await student.PredictAsync(request, cancellationToken);
        var answer = response.Label ?? response.Rationale;
        return new Count(words, answer.Usage.InputTokens, answer.InputTruncated, response.Model);
    }

    // What the model has read of so many words.
    private sealed record Count(int Words, long Tokens, bool IsCut, string Model);
}
