using DistillGrpc.Contracts.V1;
using Google.Protobuf.Collections;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>Puts together what became of an extraction's rows, with examples: the first of each kind, since those do not change from one report to the next.</summary>
internal sealed class ExtractionReporter(ExtractionEvents events, ExtractionStatus status)
{
    private const int ReadAtOnce = 200;

    // Where a kind is rare, its examples are not looked for any further.
    private const int RowsForExamples = 10_000;

    /// <summary>The report.</summary>
    /// <param name="extraction">The extraction.</param>
    /// <param name="examples">Rows of each kind at most.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public async Task<GetExtractionReportResponse> OfAsync(StoredExtraction extraction, int examples, CancellationToken cancellationToken)
    {
        var counters = await events.CountersAsync(extraction.Id, cancellationToken);
        var report = new GetExtractionReportResponse
        {
            Extraction = await status.OfAsync(extraction, cancellationToken),
            GoldRight = counters.GetValueOrDefault(Counters.GoldRight),
            GoldRows = counters.GetValueOrDefault(Counters.Gold),
            Rationalized = counters.GetValueOrDefault(Counters.Rationalized),
            Rejections =
            {
                counters.Select(counter => (Reason: Counters.ReasonOf(counter.Key), counter.Value)).Where(counter => counter.Reason is not null)
                    .Select(counter => new RejectionCount { Reason = counter.Reason!.Value, Rows = counter.Value }).OrderByDescending(count => count.Rows).ThenBy(count => count.Reason),
            },
        };
        await AddExamplesAsync(report, extraction, examples, cancellationToken);
        return report;
    }

    private async Task AddExamplesAsync(GetExtractionReportResponse report, StoredExtraction extraction, int count, CancellationToken cancellationToken)
    {
        var (after, seen) = (0L, 0);
        bool IsOpen() => report.AcceptedExamples.Count < Math.Min(count, extraction.Accepted) || report.Rejections.Any(reason => reason.Examples.Count < Math.Min(count, reason.Rows));
        while (seen < RowsForExamples && IsOpen() && await events.ReadAsync(extraction.Id, after, RowFilter.All, ReadAtOnce, cancellationToken) is { Count: > 0 } read)
        {
            foreach (var row in read.Select(happened => happened.Row).OfType<ExtractionRow>())
            {
                foreach (var list in ListsOf(report, row.Result.Verdict).Where(list => list.Count < count))
                {
                    list.Add(row);
                }
            }

            (after, seen) = (read[^1].Sequence, seen + read.Count);
        }
    }

    private static IEnumerable<RepeatedField<ExtractionRow>> ListsOf(GetExtractionReportResponse report, Verdict verdict) => verdict.Accepted
        ? [report.AcceptedExamples]
        : report.Rejections.Where(counted => verdict.Reasons.Contains(counted.Reason)).Select(counted => counted.Examples);
}
