using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Explaining;

namespace DistillGrpc.Student.Training;

/// <summary>
/// Finds out, on rows with a rationale, when the label that is read from one is right: held-out rows first, then those that were learnt from. No rationale was ever
/// learnt as an input, so that also the latter say how a student reads.
/// </summary>
internal static class RunReading
{
    /// <summary>Of rationales that are read so, how many must be of the label that is read.</summary>
    public const double LeastRight = 0.95;

    private const int MostNamed = 2000;
    private const int MostRead = 200;
    private const int LeastNamed = 5;
    private const int LeastRead = 20;
    private const int AtOnce = 32;

    /// <summary>Reads the rows' rationales; null where there are none.</summary>
    /// <param name="model">The student, which is left in evaluation mode.</param>
    /// <param name="card">Its card, with the task's labels.</param>
    /// <param name="rows">Rows, those that count most first.</param>
    /// <param name="cancellationToken">Looked at before every token.</param>
    public static ReadingCard? Of(LoadedModel model, ModelCard card, IEnumerable<Example> rows, CancellationToken cancellationToken)
    {
        (string Label, string Rationale)[] taught = card.LacksRationales ? [] :
        [
            // The label that the rationale was given for, right or wrong.
            .. rows.Where(row => row.Rationale.Length > 0).Select(row => (Label: row.TeacherLabel.Length > 0 ? row.TeacherLabel : row.Label, row.Rationale)).Where(row => row.Label.Length > 0).Take(MostNamed),
        ];
        if (taught.Length == 0)
        {
            return null;
        }

        return new ReadingCard(LabelPlace.Of(taught, LeastRight), TellingLabels(card.Labels, taught), LeastProbability(Read(model, card, [.. taught.Take(MostRead)], cancellationToken)));
    }

    /// <summary>Labels that tell: of the rationales that name one of them and no other label, nearly all are of that label.</summary>
    internal static IReadOnlyList<string> TellingLabels(IReadOnlyList<string> labels, IEnumerable<(string Label, string Rationale)> rows)
    {
        var words = new LabelWords(labels);
        return
        [
            .. rows.Select(row => (row.Label, Named: words.In(row.Rationale))).Where(row => row.Named.Count == 1).GroupBy(row => row.Named[0], StringComparer.Ordinal)
                .Where(group => group.Count() >= LeastNamed && group.Count(row => LabelWords.AreSame(row.Label, group.Key)) >= LeastRight * group.Count())
                .Select(group => group.Key).Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>The least probability from which on nearly all readings are right; null where there is none.</summary>
    internal static double? LeastProbability(IEnumerable<(double Probability, bool IsRight)> read)
    {
        var (least, right, count) = (default(double?), 0, 0);
        // Of those that are as probable the wrong ones first: none of them is left out.
        foreach (var (probability, isRight) in read.OrderByDescending(reading => reading.Probability).ThenBy(reading => reading.IsRight))
        {
            (right, count) = (right + (isRight ? 1 : 0), count + 1);
            least = count >= LeastRead && right >= LeastRight * count ? probability : least;
        }

        return least;
    }

    private static List<(double Probability, bool IsRight)> Read(LoadedModel model, ModelCard card, (string Label, string Rationale)[] rows, CancellationToken cancellationToken)
    {
        // A model that writes its label behind the rationale, or reads it from one, has learnt to.
        if (card.Form != PredictionForm.Separate)
        {
            return [];
        }

        var answering = model.Answering() with { Card = card };
        using var engine = answering.Engine;
        var reader = new LabelReader(answering);
        var asked = rows.Select(row => (row.Label, Prompt: reader.Ask(row.Rationale))).Where(row => row.Prompt is not null).OrderBy(row => row.Prompt!.Input.Ids.Length);
        var read = new List<(double, bool)>();
        foreach (var chunk in asked.Chunk(AtOnce))
        {
            // What decoders are made to begin with is the task's prefix, the same for all.
            var written = BatchDecoder.Decode(engine, [.. chunk.Select(row => row.Prompt!.Input.Ids)], reader.Options(chunk[0].Prompt!), cancellationToken);
            foreach (var (row, answers) in chunk.Zip(written))
            {
                var (label, probability) = reader.Read(answers[0]);
                read.Add((probability, string.Equals(ScoringRules.Normal(label), ScoringRules.Normal(row.Label), StringComparison.Ordinal)));
            }
        }

        return read;
    }
}
