using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Scheduling;

namespace DistillGrpc.Student.Serving.Explaining;

/// <summary>
/// Whether a rationale argues for the label that was given. Read from what it says where it states a label, in its place or as the only one that it names; else by the student that wrote it, as far as it was found to be
/// able to when it was trained (<see cref="ReadingCard"/>). Where neither can tell, nobody guesses.
/// </summary>
/// <param name="model">The student.</param>
/// <param name="lease">Its version, kept meanwhile.</param>
/// <param name="caller">Who waits.</param>
internal sealed class ConsistencyCheck(ServingModel model, ServingLease lease, Caller caller)
{
    // Where the model has learnt to read its label from the rationale.
    private const double LearntProbability = 0.5;

    /// <summary>Looks at a rationale.</summary>
    /// <param name="given">The label that was given.</param>
    /// <param name="segments">The input.</param>
    /// <param name="rationale">The rationale.</param>
    /// <param name="isWhole">It was written to its end.</param>
    /// <param name="written">The label that the model has written behind it as one text; null where it writes them apart.</param>
    public async Task<Consistency> OfAsync(string given, IReadOnlyList<string> segments, string rationale, bool isWhole, string? written)
    {
        var card = model.Card;
        if (isWhole && card.Reading?.Place?.In(rationale) is { } stated && (card.Labels.Count == 0 || card.Labels.Any(label => IsSame(label, stated))))
        {
            return Verdict(given, stated, LabelReading.Stated, IsSame(stated, given));
        }

        if (new LabelWords(card.Labels).In(rationale) is [var named] && card.Reading?.TellingLabels.Contains(named, StringComparer.Ordinal) == true)
        {
            return Verdict(given, named, LabelReading.Stated, LabelWords.AreSame(named, given));
        }

        if (written is not null)
        {
            return written.Length == 0 ? Unknown(given) : Verdict(given, written, LabelReading.Reader, IsSame(written, given));
        }

        var reader = new LabelReader(model);
        return card.Form == PredictionForm.LabelFromRationale ? await ReadAsync(given, reader, model.Prompts.LabelFrom(segments, rationale), LearntProbability)
            : card.Reading?.LeastProbability is { } least && reader.Ask(rationale) is { } asked ? await ReadAsync(given, reader, asked, least)
            : Unknown(given);
    }

    private async Task<Consistency> ReadAsync(string given, LabelReader reader, TaskPrompt asked, double least)
    {
        var job = await lease.StartAsync(asked.Input.Ids, isSameInput: false, reader.Options(asked), wantsTokens: false, caller);
        await using var gone = job.EndWithCaller();
        while (await job.Feed.WaitAsync())
        {
        }

        var (label, probability) = reader.Read(job.Answers[0]);
        var read = Verdict(given, label, LabelReading.Reader, probability >= least ? IsSame(label, given) : null);
        read.Probability = probability;
        return read;
    }

    private static Consistency Unknown(string given) => new() { LabelGiven = given, Verdict = ConsistencyVerdict.Unknown };

    private static Consistency Verdict(string given, string read, LabelReading reading, bool? isSame) => new()
    {
        LabelGiven = given,
        LabelRead = read,
        Reading = reading,
        Verdict = isSame switch { true => ConsistencyVerdict.Agrees, false => ConsistencyVerdict.Disagrees, null => ConsistencyVerdict.Unknown },
    };

    private static bool IsSame(string label, string other) => string.Equals(ScoringRules.Normal(label), ScoringRules.Normal(other), StringComparison.Ordinal);
}
